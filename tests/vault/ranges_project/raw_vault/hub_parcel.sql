{%- set number = "parcel_id" %}
{{ config(partition_by=key_ranges(number)) }}

{{ pruned_target(automate_dv.hub(
    src_pk="parcel_hk",
    src_nk=["parcel_id"],
    src_ldts="load_dts",
    src_source="record_source",
    source_model="stg_wwi__parcels",
)) }}
