with

staged as (
    {{ automate_dv.stage(
        source_model={"wwi_raw": "test__goods"},
        derived_columns={
            "goods_text": encode_key([["goods_id", "integer"]]),
            "details_text": encode([["name", "text"], ["price", "numeric"]]),
        },
        hashed_columns={
            "goods_hk": "goods_text",
            "sat_goods__details_hashdiff": "details_text",
        },
    ) }}
)

select
    goods_hk,
    sat_goods__details_hashdiff,
    goods_id,
    name,
    price,
    load_dts,
    record_source
from staged
where
    change_type = 'upsert'
    and load_dts in ({{ pending_load_dts() }})
