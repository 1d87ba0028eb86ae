{{ automate_dv.ma_sat(
    src_pk="group_hk",
    src_cdk=["line"],
    src_hashdiff={"source_column": "phones_hashdiff", "alias": "hashdiff"},
    src_payload=["name", "note"],
    source_model="stg_phones",
    src_ldts="load_dts",
    src_source="record_source",
) }}
