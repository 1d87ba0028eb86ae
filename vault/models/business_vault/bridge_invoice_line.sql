with lines_of_invoices as (
    {{ relationships('invoice_line', 'invoice_line_hk', ['invoice_hk', 'stock_item_hk']) }}
),

lines_now as (
    {{ latest('lines_of_invoices', 'invoice_line_hk') }}
),

parties_of_invoices as (
    {{ relationships('invoice_order', 'invoice_hk', [
        'customer_hk', 'bill_to_customer_hk', 'salesperson_person_hk'
    ]) }}
),

invoices_now as (
    {{ latest('parties_of_invoices', 'invoice_hk') }}
)

select
    lines_now.invoice_line_hk,
    lines_now.invoice_hk,
    lines_now.stock_item_hk,
    invoice_line.invoice_line_id,
    invoice.invoice_id,
    stock_item.stock_item_id,
    customer.customer_id,
    bill_to_customer.customer_id as bill_to_customer_id,
    customer_city.delivery_city_id,
    salesperson.person_id as salesperson_person_id,
    greatest(
        lines_now.load_dts,
        coalesce(invoices_now.load_dts, lines_now.load_dts)
    ) as load_dts
from lines_now
inner join {{ ref('hub_invoice_line') }} as invoice_line
    on lines_now.invoice_line_hk = invoice_line.invoice_line_hk
left join invoices_now
    on lines_now.invoice_hk = invoices_now.invoice_hk
left join {{ ref('hub_invoice') }} as invoice
    on lines_now.invoice_hk = invoice.invoice_hk
left join {{ ref('hub_stock_item') }} as stock_item
    on lines_now.stock_item_hk = stock_item.stock_item_hk
left join {{ ref('hub_customer') }} as customer
    on invoices_now.customer_hk = customer.customer_hk
left join {{ ref('hub_customer') }} as bill_to_customer
    on invoices_now.bill_to_customer_hk = bill_to_customer.customer_hk
left join {{ ref('bv_customer_city') }} as customer_city
    on invoices_now.customer_hk = customer_city.customer_hk
left join {{ ref('hub_person') }} as salesperson
    on invoices_now.salesperson_person_hk = salesperson.person_hk
