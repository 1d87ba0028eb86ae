{{ config(meta={"apply_source_filter": true}) }}

{{ automate_dv.sat(
    src_pk="thing_hk",
    src_hashdiff={"source_column": "sat_thing__status_hashdiff", "alias": "hashdiff"},
    src_payload=["is_deleted"],
    src_ldts="load_dts",
    src_source="record_source",
    source_model="stg_wwi__things__status",
) }}
