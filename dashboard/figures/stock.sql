-- Current stock by article.
select
    item.stock_item as article,
    holding.bin_location as bin,
    holding.quantity_on_hand,
    holding.reorder_level,
    holding.target_stock_level,
    cast(holding.quantity_on_hand * holding.last_cost_price * 100 as numeric) as value_cents
from {marts}.fct_stock_holding as holding
inner join {marts}.dim_stock_item as item
    on holding.stock_item_key = item.stock_item_key
where not holding.is_deleted
order by article
