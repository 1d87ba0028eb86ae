with orders_of_lines as (
    {{ latest(ref('bridge_purchase_order_line'), 'purchase_order_line_hk') }}
),

parties_of_orders as (
    {{ latest(ref('bridge_purchase_order'), 'purchase_order_hk') }}
),

lines as (
    {{ latest(ref('sat_purchase_order_line__details'), 'purchase_order_line_hk') }}
),

line_progress as (
    {{ latest(ref('sat_purchase_order_line__progress'), 'purchase_order_line_hk') }}
),

line_status as (
    {{ latest(ref('sat_purchase_order_line__status'), 'purchase_order_line_hk') }}
),

orders as (
    {{ latest(ref('sat_purchase_order__details'), 'purchase_order_hk') }}
),

order_progress as (
    {{ latest(ref('sat_purchase_order__progress'), 'purchase_order_hk') }}
),

stock_items as (
    {{ latest(ref('sat_stock_item__details'), 'stock_item_hk') }}
),

package_types as (
    {{ latest(ref('ref_package_type'), 'package_type_id') }}
),

order_lines as (
    select
        bridge.purchase_order_line_id,
        bridge.purchase_order_id,
        parties.supplier_id,
        bridge.stock_item_id,
        orders.order_date,
        lines.ordered_outers,
        -- the current item, as in the source
        lines.ordered_outers * coalesce(stock_items.quantity_per_outer, 0) as ordered_quantity,
        line_progress.received_outers,
        lines.package_type_id,
        line_progress.is_order_line_finalized,
        coalesce(line_status.is_deleted, false) as is_deleted,
        -- last edit of line or header: dimension versions are looked up as of this time
        greatest(
            coalesce(line_progress.last_edited_when, order_progress.last_edited_when),
            coalesce(order_progress.last_edited_when, line_progress.last_edited_when)
        ) as edited_when,
        greatest(
            bridge.load_dts,
            coalesce(parties.load_dts, bridge.load_dts),
            lines.load_dts,
            line_progress.load_dts,
            line_status.load_dts,
            coalesce(orders.load_dts, lines.load_dts),
            coalesce(order_progress.load_dts, lines.load_dts)
        ) as load_dts
    from orders_of_lines as bridge
    inner join lines
        on bridge.purchase_order_line_hk = lines.purchase_order_line_hk
    inner join line_progress
        on bridge.purchase_order_line_hk = line_progress.purchase_order_line_hk
    inner join line_status
        on bridge.purchase_order_line_hk = line_status.purchase_order_line_hk
    left join parties_of_orders as parties
        on bridge.purchase_order_hk = parties.purchase_order_hk
    left join orders
        on bridge.purchase_order_hk = orders.purchase_order_hk
    left join order_progress
        on bridge.purchase_order_hk = order_progress.purchase_order_hk
    left join stock_items
        on bridge.stock_item_hk = stock_items.stock_item_hk
)

select
    order_lines.purchase_order_line_id as purchase_key,
    order_lines.order_date as date_key,
    coalesce(supplier.supplier_key, 0) as supplier_key,
    coalesce(stock_item.stock_item_key, 0) as stock_item_key,
    order_lines.purchase_order_id as wwi_purchase_order_id,
    order_lines.ordered_outers,
    order_lines.ordered_quantity,
    order_lines.received_outers,
    coalesce(package_types.package_type_name, 'N/A') as package,
    order_lines.is_order_line_finalized as is_order_finalized,
    order_lines.is_deleted,
    batch.batch_id as lineage_key
from order_lines
left join {{ ref('bv_batch') }} as batch
    on order_lines.load_dts = batch.load_dts
left join package_types
    on order_lines.package_type_id = package_types.package_type_id
left join {{ ref('dim_supplier_unmasked') }} as supplier
    on
        order_lines.supplier_id = supplier.wwi_supplier_id
        and {{ valid_at('supplier', 'order_lines.edited_when') }}
left join {{ ref('dim_stock_item') }} as stock_item
    on
        order_lines.stock_item_id = stock_item.wwi_stock_item_id
        and {{ valid_at('stock_item', 'order_lines.edited_when') }}
