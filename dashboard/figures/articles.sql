-- Invoiced amounts by article, with its current name.
with names as (
    select
        wwi_stock_item_id,
        stock_item
    from {marts}.dim_stock_item
    where true
    qualify row_number() over (partition by wwi_stock_item_id order by valid_to desc) = 1
)

select
    names.stock_item as article,
    calendar.fiscal_year_label,
    city.sales_territory as territory,
    customer.buying_group,
    cast(sum(sales.total_excluding_tax) * 100 as numeric) as revenue_cents,
    cast(sum(sales.profit) * 100 as numeric) as profit_cents,
    sum(sales.quantity) as units
from {marts}.fct_sale as sales
inner join {marts}.dim_stock_item as item
    on sales.stock_item_key = item.stock_item_key
inner join names
    on item.wwi_stock_item_id = names.wwi_stock_item_id
inner join {marts}.dim_date as calendar
    on sales.invoice_date_key = calendar.date
inner join {marts}.dim_city as city
    on sales.city_key = city.city_key
inner join {marts}.dim_customer as customer
    on sales.customer_key = customer.customer_key
where not sales.is_deleted
group by article, fiscal_year_label, territory, buying_group
order by article, fiscal_year_label, territory, buying_group
