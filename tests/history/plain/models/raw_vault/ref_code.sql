{{ automate_dv.sat(
    src_pk="code_hk",
    src_hashdiff={"source_column": "code_hashdiff", "alias": "hashdiff"},
    src_payload=["region", "code", "name", "note"],
    source_model="stg_codes",
    src_ldts="load_dts",
    src_source="record_source",
) }}
