{{ automate_dv.nh_link(
    src_pk="visit_hk",
    src_fk=["place_code_hk"],
    src_payload=["region", "code", "name", "note"],
    src_eff="seen",
    source_model="stg_visits",
    src_ldts="load_dts",
    src_source="record_source",
) }}
