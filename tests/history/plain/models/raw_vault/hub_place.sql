{{ automate_dv.hub(
    src_pk="place_code_hk",
    src_nk="place_code",
    source_model="stg_places",
    src_ldts="load_dts",
    src_source="record_source",
) }}
