with holdings as (
    {{ latest(ref('sat_stock_item__holding'), 'stock_item_hk') }}
),

reordering as (
    {{ latest(ref('sat_stock_item__reordering'), 'stock_item_hk') }}
),

holding_status as (
    {{ latest(ref('sat_stock_item__holding_status'), 'stock_item_hk') }}
),

-- the current state refers to the newest version of the item
stock_items_now as (
    select
        stock_item_key,
        wwi_stock_item_id
    from {{ ref('dim_stock_item') }}
    where stock_item_key != 0
    qualify max(valid_to) over (partition by wwi_stock_item_id) = valid_to
),

stock as (
    select
        hub.stock_item_id,
        holdings.quantity_on_hand,
        holdings.bin_location,
        holdings.last_stocktake_quantity,
        holdings.last_cost_price,
        reordering.reorder_level,
        reordering.target_stock_level,
        coalesce(status.is_deleted, false) as is_deleted,
        greatest(holdings.load_dts, reordering.load_dts, status.load_dts) as load_dts
    from holdings
    inner join {{ ref('hub_stock_item') }} as hub
        on holdings.stock_item_hk = hub.stock_item_hk
    inner join reordering
        on holdings.stock_item_hk = reordering.stock_item_hk
    inner join holding_status as status
        on holdings.stock_item_hk = status.stock_item_hk
)

select
    stock.stock_item_id as stock_holding_key,
    coalesce(stock_item.stock_item_key, 0) as stock_item_key,
    stock.quantity_on_hand,
    stock.bin_location,
    stock.last_stocktake_quantity,
    cast(stock.last_cost_price as numeric(18, 2)) as last_cost_price,
    stock.reorder_level,
    stock.target_stock_level,
    stock.is_deleted,
    batch.batch_id as lineage_key
from stock
left join {{ ref('bv_batch') }} as batch
    on stock.load_dts = batch.load_dts
left join stock_items_now as stock_item
    on stock.stock_item_id = stock_item.wwi_stock_item_id
