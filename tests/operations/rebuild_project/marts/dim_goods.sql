{{ config(materialized="view") }}

select
    goods_key,
    goods_id,
    {{ masked('name') }},
    price,
    valid_from,
    valid_to,
    lineage_key
from {{ ref('dim_goods_unmasked') }}
