{#-
    Purchasing, business_rules section 9.1: effective stock = on hand + on order - needed; an item below its
    reorder level is filled up to its target, in whole outers rounded up (section 19, correction 3).
    Items and open lines are as of the batch of the snapshot.

    Quantities are added and multiplied as NUMERIC. Results that do not fit INT64 are null.
-#}
with snapshots as (
    select
        snapshot_date,
        load_dts
    from {{ ref('bv_snapshot') }}
),

holdings as (
    {{ validity_ranges(ref('pit_stock_holding'), 'stock_item_hk', [
        'holding_load_dts', 'reordering_load_dts', 'details_load_dts', 'holding_status_load_dts'
    ]) }}
),

stock as (
    select
        snapshots.snapshot_date,
        snapshots.load_dts,
        holdings.stock_item_hk,
        holding.quantity_on_hand,
        holding.last_cost_price,
        reordering.reorder_level,
        reordering.target_stock_level,
        details.quantity_per_outer
    from snapshots
    inner join holdings
        on {{ valid_as_of('holdings', 'snapshots.load_dts') }}
    inner join {{ ref('sat_stock_item__holding') }} as holding
        on {{ in_force('holdings', 'holding', 'stock_item_hk', 'holding') }}
    inner join {{ ref('sat_stock_item__reordering') }} as reordering
        on {{ in_force('holdings', 'reordering', 'stock_item_hk', 'reordering') }}
    inner join {{ ref('sat_stock_item__details') }} as details
        on {{ in_force('holdings', 'details', 'stock_item_hk', 'details') }}
    left join {{ ref('sat_stock_item__holding_status') }} as status
        on {{ in_force('holdings', 'status', 'stock_item_hk', 'holding_status') }}
    where not coalesce(status.is_deleted, false)
),

order_lines as (
    {{ validity_ranges(ref('pit_order_line'), 'order_line_hk', [
        'details_load_dts', 'progress_load_dts', 'order_load_dts', 'status_load_dts'
    ]) }}
),

-- validity ranges of order lines that are not picked
waiting as (
    select
        link.stock_item_hk,
        details.quantity,
        order_lines.load_dts,
        order_lines.next_load_dts
    from order_lines
    inner join {{ ref('sat_order_line__progress') }} as progress
        on {{ in_force('order_lines', 'progress', 'order_line_hk', 'progress') }}
    inner join {{ ref('sat_order_line__details') }} as details
        on {{ in_force('order_lines', 'details', 'order_line_hk', 'details') }}
    inner join {{ ref('eff_sat_order_line') }} as effectivity
        on {{ in_force('order_lines', 'effectivity', 'order_line_hk', 'order') }}
    inner join {{ ref('link_order_line') }} as link
        on effectivity.link_order_line_hk = link.link_order_line_hk
    left join {{ ref('sat_order_line__status') }} as status
        on {{ in_force('order_lines', 'status', 'order_line_hk', 'status') }}
    where
        progress.picking_completed_when is null
        and not coalesce(status.is_deleted, false)
),

needed as (
    select
        snapshots.load_dts,
        waiting.stock_item_hk,
        sum(waiting.quantity) as needed_quantity
    from snapshots
    inner join waiting
        on {{ valid_as_of('waiting', 'snapshots.load_dts') }}
    group by snapshots.load_dts, waiting.stock_item_hk
),

purchase_lines as (
    {{ validity_ranges(ref('pit_purchase_order_line'), 'purchase_order_line_hk', [
        'details_load_dts', 'progress_load_dts', 'purchase_order_load_dts', 'status_load_dts'
    ]) }}
),

-- validity ranges of purchase order lines that are not completely received
coming as (
    select
        link.stock_item_hk,
        details.ordered_outers - progress.received_outers as open_outers,
        purchase_lines.load_dts,
        purchase_lines.next_load_dts
    from purchase_lines
    inner join {{ ref('sat_purchase_order_line__progress') }} as progress
        on {{ in_force('purchase_lines', 'progress', 'purchase_order_line_hk', 'progress') }}
    inner join {{ ref('sat_purchase_order_line__details') }} as details
        on {{ in_force('purchase_lines', 'details', 'purchase_order_line_hk', 'details') }}
    inner join {{ ref('eff_sat_purchase_order_line') }} as placed
        on {{ in_force('purchase_lines', 'placed', 'purchase_order_line_hk', 'purchase_order') }}
    inner join {{ ref('link_purchase_order_line') }} as link
        on placed.link_purchase_order_line_hk = link.link_purchase_order_line_hk
    left join {{ ref('sat_purchase_order_line__status') }} as status
        on {{ in_force('purchase_lines', 'status', 'purchase_order_line_hk', 'status') }}
    where
        not progress.is_order_line_finalized
        and not coalesce(status.is_deleted, false)
),

on_order as (
    select
        snapshots.load_dts,
        coming.stock_item_hk,
        sum(coming.open_outers) as open_outers
    from snapshots
    inner join coming
        on {{ valid_as_of('coming', 'snapshots.load_dts') }}
    group by snapshots.load_dts, coming.stock_item_hk
),

positions as (
    select
        stock.snapshot_date,
        stock.load_dts,
        stock.stock_item_hk,
        stock.quantity_on_hand,
        stock.last_cost_price,
        stock.reorder_level,
        stock.target_stock_level,
        stock.quantity_per_outer,
        coalesce(cast(on_order.open_outers as numeric), 0)
        * stock.quantity_per_outer as on_order_quantity,
        coalesce(cast(needed.needed_quantity as numeric), 0) as needed_quantity
    from stock
    left join on_order
        on
            stock.load_dts = on_order.load_dts
            and stock.stock_item_hk = on_order.stock_item_hk
    left join needed
        on
            stock.load_dts = needed.load_dts
            and stock.stock_item_hk = needed.stock_item_hk
),

effective as (
    select
        *,
        quantity_on_hand + on_order_quantity - needed_quantity as effective_quantity
    from positions
),

needs as (
    select
        *,
        effective_quantity < reorder_level as is_reorder_needed,
        target_stock_level - effective_quantity as lacking_quantity,
        nullif(quantity_per_outer, 0) as outer_size
    from effective
),

orders as (
    select
        *,
        -- rounded up with integers, since a NUMERIC quotient has only nine decimals
        if(
            is_reorder_needed,
            div(lacking_quantity, outer_size)
            + if(mod(lacking_quantity, outer_size) * sign(outer_size) > 0, 1, 0),
            0
        ) as outers_to_order
    from needs
)

select
    snapshot_date,
    stock_item_hk,
    quantity_on_hand,
    safe_cast(on_order_quantity as int64) as on_order_quantity,
    safe_cast(needed_quantity as int64) as needed_quantity,
    safe_cast(effective_quantity as int64) as effective_quantity,
    reorder_level,
    target_stock_level,
    is_reorder_needed,
    safe_cast(outers_to_order as int64) as outers_to_order,
    safe_cast(outers_to_order * quantity_per_outer as int64) as quantity_to_order,
    {{ line_amount('quantity_on_hand', 'last_cost_price') }} as stock_value,
    load_dts
from orders
