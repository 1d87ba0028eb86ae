{{ automate_dv.sat(
    src_pk="thing_hk",
    src_hashdiff={"source_column": "status_hashdiff", "alias": "hashdiff"},
    src_payload=["is_deleted"],
    source_model="stg_things_status",
    src_ldts="load_dts",
    src_source="record_source",
) }}
