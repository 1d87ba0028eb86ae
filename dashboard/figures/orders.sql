-- Ordered and picked lines by month of the order. An order is counted in the group of its first line, a
-- backorder in the group of the first line of the original order.
with orders as (
    select
        *,
        row_number() over (partition by wwi_order_id order by order_key) = 1 as opens_order,
        wwi_backorder_id is not null
        and row_number() over (partition by wwi_backorder_id order by order_key) = 1 as opens_backorder
    from {marts}.fct_order
    where not is_deleted
)

select
    calendar.beginning_of_month as month_start,
    calendar.fiscal_year_label,
    city.sales_territory as territory,
    customer.buying_group,
    countif(orders.opens_order) as orders,
    countif(orders.opens_backorder) as backorders,
    count(*) as order_lines,
    countif(orders.picked_date_key is not null) as picked_lines,
    countif(orders.picked_date_key = orders.order_date_key) as picked_same_day
from orders
inner join {marts}.dim_date as calendar
    on orders.order_date_key = calendar.date
inner join {marts}.dim_city as city
    on orders.city_key = city.city_key
inner join {marts}.dim_customer as customer
    on orders.customer_key = customer.customer_key
group by month_start, fiscal_year_label, territory, buying_group
order by month_start, territory, buying_group
