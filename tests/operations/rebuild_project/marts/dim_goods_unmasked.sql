with states as (
    select
        hub.goods_id as wwi_goods_id,
        details.name,
        details.price,
        false as is_deleted,
        details.load_dts
    from {{ ref('hub_goods') }} as hub
    inner join {{ ref('sat_goods__details') }} as details
        on hub.goods_hk = details.goods_hk
),

dimension as (
    {{ type_2('states', 'goods', {'name': "'Unknown'", 'price': "cast(0 as numeric(18, 2))"}) }}
)

select
    goods_key,
    wwi_goods_id as goods_id,
    name,
    price,
    valid_from,
    valid_to,
    lineage_key
from dimension
where goods_key > 0
