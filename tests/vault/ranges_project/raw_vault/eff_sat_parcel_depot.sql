{%- set number = "parcel_id" %}
{{ config(partition_by=key_ranges(number)) }}
{{ config(meta={"apply_source_filter": true}) }}

{{ pruned_target(automate_dv.sat(
    src_pk="parcel_hk",
    src_hashdiff={"source_column": "eff_sat_parcel_depot_hashdiff", "alias": "hashdiff"},
    src_payload=["link_parcel_depot_hk"],
    src_extra_columns=[number],
    src_ldts="load_dts",
    src_source="record_source",
    source_model="stg_wwi__parcels",
)) }}
