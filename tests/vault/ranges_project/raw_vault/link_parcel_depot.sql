{%- set number = "parcel_id" %}
{{ config(partition_by=key_ranges(number)) }}

{{ pruned_target(automate_dv.link(
    src_pk="link_parcel_depot_hk",
    src_fk=["parcel_hk", "depot_hk"],
    src_extra_columns=[number],
    src_ldts="load_dts",
    src_source="record_source",
    source_model="stg_wwi__parcels",
)) }}
