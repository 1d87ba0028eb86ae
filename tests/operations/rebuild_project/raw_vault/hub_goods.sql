{{ automate_dv.hub(
    src_pk="goods_hk",
    src_nk="goods_id",
    src_ldts="load_dts",
    src_source="record_source",
    source_model="stg_wwi__goods",
) }}
