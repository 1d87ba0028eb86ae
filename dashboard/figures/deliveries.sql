-- Invoice lines by days from invoice to confirmed delivery; null if the delivery is not confirmed.
select
    calendar.beginning_of_month as month_start,
    calendar.fiscal_year_label,
    city.sales_territory as territory,
    customer.buying_group,
    date_diff(sales.delivery_date_key, sales.invoice_date_key, day) as days,
    count(*) as invoice_lines
from {marts}.fct_sale as sales
inner join {marts}.dim_date as calendar
    on sales.invoice_date_key = calendar.date
inner join {marts}.dim_city as city
    on sales.city_key = city.city_key
inner join {marts}.dim_customer as customer
    on sales.customer_key = customer.customer_key
where not sales.is_deleted
group by month_start, fiscal_year_label, territory, buying_group, days
order by month_start, territory, buying_group, days
