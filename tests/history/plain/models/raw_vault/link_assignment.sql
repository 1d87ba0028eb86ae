{{ automate_dv.link(
    src_pk="link_assignment_hk",
    src_fk=["assignment_hk", "place_code_hk", "owner_code_hk"],
    source_model="stg_assignments",
    src_ldts="load_dts",
    src_source="record_source",
) }}
