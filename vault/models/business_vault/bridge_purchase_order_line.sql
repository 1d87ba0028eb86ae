with lines_of_orders as (
    {{ relationships('purchase_order_line', 'purchase_order_line_hk', [
        'purchase_order_hk', 'stock_item_hk'
    ]) }}
),

lines_now as (
    {{ latest('lines_of_orders', 'purchase_order_line_hk') }}
),

parties_of_orders as (
    {{ relationships('purchase_order', 'purchase_order_hk', ['supplier_hk']) }}
),

orders_now as (
    {{ latest('parties_of_orders', 'purchase_order_hk') }}
)

select
    lines_now.purchase_order_line_hk,
    lines_now.purchase_order_hk,
    lines_now.stock_item_hk,
    purchase_order_line.purchase_order_line_id,
    purchase_order.purchase_order_id,
    stock_item.stock_item_id,
    supplier.supplier_id,
    greatest(
        lines_now.load_dts,
        coalesce(orders_now.load_dts, lines_now.load_dts)
    ) as load_dts
from lines_now
inner join {{ ref('hub_purchase_order_line') }} as purchase_order_line
    on lines_now.purchase_order_line_hk = purchase_order_line.purchase_order_line_hk
left join orders_now
    on lines_now.purchase_order_hk = orders_now.purchase_order_hk
left join {{ ref('hub_purchase_order') }} as purchase_order
    on lines_now.purchase_order_hk = purchase_order.purchase_order_hk
left join {{ ref('hub_stock_item') }} as stock_item
    on lines_now.stock_item_hk = stock_item.stock_item_hk
left join {{ ref('hub_supplier') }} as supplier
    on orders_now.supplier_hk = supplier.supplier_hk
