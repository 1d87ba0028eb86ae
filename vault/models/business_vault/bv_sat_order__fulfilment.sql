{#-
    Fulfilment of an order (business_rules, sections 5 and 6): lines are picked completely or not at all, and picked
    lines are billed. The other lines move to a backorder, which the order refers to. Both have the date of the first
    order, so the lead time of a backorder starts with the customer's original order.
-#}
with orders_now as (
    {{ latest(ref('pit_order'), 'order_hk') }}
),

orders as (
    select
        orders_now.order_hk,
        link.backorder_order_hk,
        orders_now.load_dts
    from orders_now
    inner join {{ ref('eff_sat_order_customer') }} as effectivity
        on {{ in_force('orders_now', 'effectivity', 'order_hk', 'customer') }}
    inner join {{ ref('link_order_customer') }} as link
        on effectivity.link_order_customer_hk = link.link_order_customer_hk
    left join {{ ref('sat_order__status') }} as status
        on {{ in_force('orders_now', 'status', 'order_hk', 'status') }}
    where not coalesce(status.is_deleted, false)
),

handed_over as (
    select
        backorder.order_hk as backorder_hk,
        max(orders.load_dts) as load_dts
    from orders
    inner join orders as backorder
        on orders.backorder_order_hk = backorder.order_hk
    group by backorder.order_hk
),

order_lines as (
    {{ latest(ref('sat_order_line__details'), 'order_line_hk') }}
),

order_line_progress as (
    {{ latest(ref('sat_order_line__progress'), 'order_line_hk') }}
),

invoice_lines as (
    {{ latest(ref('sat_invoice_line__details'), 'invoice_line_hk') }}
),

quantities as (
    select
        bridge.order_hk,
        count(bridge.order_line_hk) as order_lines,
        countif(order_line_progress.picking_completed_when is not null) as picked_lines,
        count(bridge.invoice_line_hk) as invoiced_lines,
        sum(order_lines.quantity) as ordered_quantity,
        sum(order_line_progress.picked_quantity) as picked_quantity,
        coalesce(sum(invoice_lines.quantity), 0) as invoiced_quantity,
        max(bridge.load_dts) as load_dts
    from {{ ref('bridge_order_to_cash') }} as bridge
    left join order_lines
        on bridge.order_line_hk = order_lines.order_line_hk
    left join order_line_progress
        on bridge.order_line_hk = order_line_progress.order_line_hk
    left join invoice_lines
        on bridge.invoice_line_hk = invoice_lines.invoice_line_hk
    where bridge.order_hk is not null
    group by bridge.order_hk
)

select
    orders.order_hk,
    backorders.order_hk is not null as is_backordered,
    handed_over.backorder_hk is not null as is_backorder,
    coalesce(quantities.order_lines, 0) as order_lines,
    coalesce(quantities.picked_lines, 0) as picked_lines,
    coalesce(quantities.invoiced_lines, 0) as invoiced_lines,
    cast(coalesce(quantities.ordered_quantity, 0) as int64) as ordered_quantity,
    cast(coalesce(quantities.picked_quantity, 0) as int64) as picked_quantity,
    cast(coalesce(quantities.invoiced_quantity, 0) as int64) as invoiced_quantity,
    date_diff(delivery.delivered_date, delivery.order_date, day) as lead_time_days,
    greatest(
        orders.load_dts,
        coalesce(quantities.load_dts, orders.load_dts),
        coalesce(handed_over.load_dts, orders.load_dts),
        coalesce(delivery.load_dts, orders.load_dts)
    ) as load_dts
from orders
left join orders as backorders
    on orders.backorder_order_hk = backorders.order_hk
left join handed_over
    on orders.order_hk = handed_over.backorder_hk
left join quantities
    on orders.order_hk = quantities.order_hk
left join {{ ref('bv_sat_order__on_time_delivery') }} as delivery
    on orders.order_hk = delivery.order_hk
