with lines_of_orders as (
    {{ relationships('order_line', 'order_line_hk', ['order_hk', 'stock_item_hk']) }}
),

lines_now as (
    {{ latest('lines_of_orders', 'order_line_hk') }}
),

parties_of_orders as (
    {{ relationships('order_customer', 'order_hk', [
        'customer_hk', 'salesperson_person_hk', 'picked_by_person_hk', 'backorder_order_hk'
    ]) }}
),

orders_now as (
    {{ latest('parties_of_orders', 'order_hk') }}
)

select
    lines_now.order_line_hk,
    lines_now.order_hk,
    order_line.order_line_id,
    orders.order_id,
    backorder.order_id as backorder_order_id,
    stock_item.stock_item_id,
    customer.customer_id,
    customer_city.delivery_city_id,
    salesperson.person_id as salesperson_person_id,
    picker.person_id as picked_by_person_id,
    greatest(
        lines_now.load_dts,
        coalesce(orders_now.load_dts, lines_now.load_dts)
    ) as load_dts
from lines_now
inner join {{ ref('hub_order_line') }} as order_line
    on lines_now.order_line_hk = order_line.order_line_hk
left join orders_now
    on lines_now.order_hk = orders_now.order_hk
left join {{ ref('hub_order') }} as orders
    on lines_now.order_hk = orders.order_hk
left join {{ ref('hub_order') }} as backorder
    on orders_now.backorder_order_hk = backorder.order_hk
left join {{ ref('hub_stock_item') }} as stock_item
    on lines_now.stock_item_hk = stock_item.stock_item_hk
left join {{ ref('hub_customer') }} as customer
    on orders_now.customer_hk = customer.customer_hk
left join {{ ref('bv_customer_city') }} as customer_city
    on orders_now.customer_hk = customer_city.customer_hk
left join {{ ref('hub_person') }} as salesperson
    on orders_now.salesperson_person_hk = salesperson.person_hk
left join {{ ref('hub_person') }} as picker
    on orders_now.picked_by_person_hk = picker.person_hk
