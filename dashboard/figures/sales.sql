-- Invoiced amounts by month, territory and buying group. An invoice is counted in the group of its first line.
with sales as (
    select
        *,
        row_number() over (partition by wwi_invoice_id order by sale_key) = 1 as opens_invoice
    from {marts}.fct_sale
    where not is_deleted
)

select
    calendar.beginning_of_month as month_start,
    calendar.fiscal_year_label,
    city.sales_territory as territory,
    customer.buying_group,
    cast(sum(sales.total_excluding_tax) * 100 as numeric) as revenue_cents,
    cast(sum(sales.profit) * 100 as numeric) as profit_cents,
    sum(sales.quantity) as units,
    countif(sales.opens_invoice) as invoices
from sales
inner join {marts}.dim_date as calendar
    on sales.invoice_date_key = calendar.date
inner join {marts}.dim_city as city
    on sales.city_key = city.city_key
inner join {marts}.dim_customer as customer
    on sales.customer_key = customer.customer_key
group by month_start, fiscal_year_label, territory, buying_group
order by month_start, territory, buying_group
