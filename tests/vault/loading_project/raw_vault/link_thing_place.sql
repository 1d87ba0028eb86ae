{{ automate_dv.link(
    src_pk="link_thing_place_hk",
    src_fk=["thing_hk", "place_hk"],
    src_ldts="load_dts",
    src_source="record_source",
    source_model="stg_wwi__things",
) }}
