{{ automate_dv.sat(
    src_pk="thing_hk",
    src_hashdiff={"source_column": "details_hashdiff", "alias": "hashdiff"},
    src_payload=["name", "note", "amount", "seen", "photo", "is_active"],
    source_model="stg_things",
    src_ldts="load_dts",
    src_source="record_source",
) }}
