{{ config(meta={"apply_source_filter": true}) }}

{{ automate_dv.sat(
    src_pk="goods_hk",
    src_hashdiff={"source_column": "sat_goods__details_hashdiff", "alias": "hashdiff"},
    src_payload=["name", "price"],
    src_ldts="load_dts",
    src_source="record_source",
    source_model="stg_wwi__goods",
) }}
