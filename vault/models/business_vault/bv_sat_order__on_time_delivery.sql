{#-
    An order is delivered when all its lines are. Backordered lines belong to another order with the same dates
    (business_rules, section 6; delivery in section 7). An undelivered order after its expected day is late by the days
    up to the newest batch.
-#}
with orders_now as (
    {{ latest(ref('pit_order'), 'order_hk') }}
),

deliveries as (
    select
        order_hk,
        if(countif(delivery_date is null) = 0, max(delivery_date), null) as delivered_date,
        max(load_dts) as load_dts
    from {{ ref('bridge_order_to_cash') }}
    where order_hk is not null
    group by order_hk
),

today as (
    select snapshot_date
    from {{ ref('bv_snapshot') }}
    where is_newest
),

orders as (
    select
        orders_now.order_hk,
        details.order_date,
        details.expected_delivery_date,
        deliveries.delivered_date,
        coalesce(deliveries.delivered_date, today.snapshot_date) as judged_date,
        greatest(
            orders_now.load_dts,
            coalesce(deliveries.load_dts, orders_now.load_dts)
        ) as load_dts
    from orders_now
    inner join {{ ref('sat_order__details') }} as details
        on {{ in_force('orders_now', 'details', 'order_hk', 'details') }}
    left join {{ ref('sat_order__status') }} as status
        on {{ in_force('orders_now', 'status', 'order_hk', 'status') }}
    left join deliveries
        on orders_now.order_hk = deliveries.order_hk
    cross join today
    where not coalesce(status.is_deleted, false)
)

select
    order_hk,
    order_date,
    expected_delivery_date,
    delivered_date,
    case
        when judged_date > expected_delivery_date then false
        when delivered_date is not null then true
    end as is_on_time,
    greatest(date_diff(judged_date, expected_delivery_date, day), 0) as days_late,
    load_dts
from orders
