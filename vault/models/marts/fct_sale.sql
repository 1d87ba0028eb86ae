with invoices_of_lines as (
    {{ latest(ref('bridge_invoice_line'), 'invoice_line_hk') }}
),

parties_of_invoices as (
    {{ latest(ref('bridge_invoice'), 'invoice_hk') }}
),

lines as (
    {{ latest(ref('sat_invoice_line__details'), 'invoice_line_hk') }}
),

line_status as (
    {{ latest(ref('sat_invoice_line__status'), 'invoice_line_hk') }}
),

invoices as (
    {{ latest(ref('sat_invoice__details'), 'invoice_hk') }}
),

invoice_delivery as (
    {{ latest(ref('sat_invoice__delivery'), 'invoice_hk') }}
),

stock_items as (
    {{ latest(ref('sat_stock_item__details'), 'stock_item_hk') }}
),

package_types as (
    {{ latest(ref('ref_package_type'), 'package_type_id') }}
),

invoice_lines as (
    select
        bridge.invoice_line_id,
        bridge.invoice_id,
        bridge.stock_item_id,
        parties.customer_id,
        parties.bill_to_customer_id,
        customer_city.delivery_city_id,
        parties.salesperson_person_id,
        lines.description,
        lines.package_type_id,
        lines.quantity,
        coalesce(lines.unit_price, 0) as unit_price,
        lines.tax_rate,
        lines.tax_amount,
        lines.line_profit,
        lines.extended_price,
        -- the current item, as in the source
        if(stock_items.is_chiller_stock, lines.quantity, 0) as chiller_items,
        invoices.invoice_date,
        invoice_delivery.confirmed_delivery_time,
        coalesce(line_status.is_deleted, false) as is_deleted,
        -- last edit of line or header: dimension versions are looked up as of this time
        greatest(
            coalesce(lines.last_edited_when, invoice_delivery.last_edited_when),
            coalesce(invoice_delivery.last_edited_when, lines.last_edited_when)
        ) as edited_when,
        greatest(
            bridge.load_dts,
            coalesce(parties.load_dts, bridge.load_dts),
            lines.load_dts,
            line_status.load_dts,
            coalesce(invoices.load_dts, lines.load_dts),
            coalesce(invoice_delivery.load_dts, lines.load_dts)
        ) as load_dts
    from invoices_of_lines as bridge
    inner join lines
        on bridge.invoice_line_hk = lines.invoice_line_hk
    inner join line_status
        on bridge.invoice_line_hk = line_status.invoice_line_hk
    left join parties_of_invoices as parties
        on bridge.invoice_hk = parties.invoice_hk
    left join {{ ref('bv_customer_city') }} as customer_city
        on parties.customer_hk = customer_city.customer_hk
    left join invoices
        on bridge.invoice_hk = invoices.invoice_hk
    left join invoice_delivery
        on bridge.invoice_hk = invoice_delivery.invoice_hk
    left join stock_items
        on bridge.stock_item_hk = stock_items.stock_item_hk
)

select
    invoice_lines.invoice_line_id as sale_key,
    coalesce(city.city_key, 0) as city_key,
    coalesce(customer.customer_key, 0) as customer_key,
    coalesce(bill_to_customer.customer_key, 0) as bill_to_customer_key,
    coalesce(stock_item.stock_item_key, 0) as stock_item_key,
    invoice_lines.invoice_date as invoice_date_key,
    cast(invoice_lines.confirmed_delivery_time as date) as delivery_date_key,
    coalesce(salesperson.employee_key, 0) as salesperson_key,
    invoice_lines.invoice_id as wwi_invoice_id,
    invoice_lines.description,
    coalesce(package_types.package_type_name, 'N/A') as package,
    invoice_lines.quantity,
    cast(invoice_lines.unit_price as numeric(18, 2)) as unit_price,
    cast(invoice_lines.tax_rate as numeric(18, 3)) as tax_rate,
    cast(
        invoice_lines.extended_price - invoice_lines.tax_amount as numeric(31, 2)
    ) as total_excluding_tax,
    cast(invoice_lines.tax_amount as numeric(18, 2)) as tax_amount,
    cast(invoice_lines.line_profit as numeric(18, 2)) as profit,
    cast(invoice_lines.extended_price as numeric(18, 2)) as total_including_tax,
    invoice_lines.quantity - invoice_lines.chiller_items as total_dry_items,
    invoice_lines.chiller_items as total_chiller_items,
    invoice_lines.is_deleted,
    batch.batch_id as lineage_key
from invoice_lines
left join {{ ref('bv_batch') }} as batch
    on invoice_lines.load_dts = batch.load_dts
left join package_types
    on invoice_lines.package_type_id = package_types.package_type_id
left join {{ ref('dim_city') }} as city
    on
        invoice_lines.delivery_city_id = city.wwi_city_id
        and {{ valid_at('city', 'invoice_lines.edited_when') }}
left join {{ ref('dim_customer_unmasked') }} as customer
    on
        invoice_lines.customer_id = customer.wwi_customer_id
        and {{ valid_at('customer', 'invoice_lines.edited_when') }}
left join {{ ref('dim_customer_unmasked') }} as bill_to_customer
    on
        invoice_lines.bill_to_customer_id = bill_to_customer.wwi_customer_id
        and {{ valid_at('bill_to_customer', 'invoice_lines.edited_when') }}
left join {{ ref('dim_stock_item') }} as stock_item
    on
        invoice_lines.stock_item_id = stock_item.wwi_stock_item_id
        and {{ valid_at('stock_item', 'invoice_lines.edited_when') }}
left join {{ ref('dim_employee_unmasked') }} as salesperson
    on
        invoice_lines.salesperson_person_id = salesperson.wwi_employee_id
        and {{ valid_at('salesperson', 'invoice_lines.edited_when') }}
