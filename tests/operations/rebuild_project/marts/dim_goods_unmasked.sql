with states as (
    select
        hub.goods_id,
        details.name,
        details.price,
        details.load_dts
    from {{ ref('hub_goods') }} as hub
    inner join {{ ref('sat_goods__details') }} as details
        on hub.goods_hk = details.goods_hk
),

versions as (
    {{ type_2('states', 'goods_id', ['name', 'price']) }}
)

select
    version_key as goods_key,
    goods_id,
    name,
    price,
    valid_from,
    valid_to,
    lineage_key
from versions
