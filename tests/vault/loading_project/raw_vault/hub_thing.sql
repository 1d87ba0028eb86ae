{{ automate_dv.hub(
    src_pk="thing_hk",
    src_nk=["region", "code"],
    src_ldts="load_dts",
    src_source="record_source",
    source_model="stg_wwi__things",
) }}
