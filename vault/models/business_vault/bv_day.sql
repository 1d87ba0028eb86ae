with bounds as (
    select
        date(extract(year from min(order_date)), 1, 1) as first_day,
        date(extract(year from max(expected_delivery_date)) + 1, 12, 31) as last_day
    from {{ ref('sat_order__details') }}
    -- a mistyped year must not add millions of rows; tests of the facts report such a date
    where
        order_date >= date '1900-01-01'
        and expected_delivery_date < date '2200-01-01'
)

select calendar_date
from bounds
cross join unnest(generate_date_array(first_day, last_day)) as calendar_date
