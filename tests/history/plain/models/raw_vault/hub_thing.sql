{{ automate_dv.hub(
    src_pk="thing_hk",
    src_nk=["region", "code"],
    source_model="stg_things",
    src_ldts="load_dts",
    src_source="record_source",
) }}
