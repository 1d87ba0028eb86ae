{{ automate_dv.hub(
    src_pk="assignment_hk",
    src_nk=["region", "code"],
    source_model="stg_assignments",
    src_ldts="load_dts",
    src_source="record_source",
) }}
