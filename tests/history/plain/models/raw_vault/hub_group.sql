{{ automate_dv.hub(
    src_pk="group_hk",
    src_nk=["region", "code"],
    source_model="stg_phones",
    src_ldts="load_dts",
    src_source="record_source",
) }}
