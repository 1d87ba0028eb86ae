with orders_of_lines as (
    {{ latest(ref('bridge_order_line'), 'order_line_hk') }}
),

parties_of_orders as (
    {{ latest(ref('bridge_order'), 'order_hk') }}
),

lines as (
    {{ latest(ref('sat_order_line__details'), 'order_line_hk') }}
),

line_progress as (
    {{ latest(ref('sat_order_line__progress'), 'order_line_hk') }}
),

line_status as (
    {{ latest(ref('sat_order_line__status'), 'order_line_hk') }}
),

orders as (
    {{ latest(ref('sat_order__details'), 'order_hk') }}
),

order_progress as (
    {{ latest(ref('sat_order__progress'), 'order_hk') }}
),

package_types as (
    {{ latest(ref('ref_package_type'), 'package_type_id') }}
),

order_lines as (
    select
        bridge.order_line_id,
        bridge.order_id,
        parties.backorder_order_id,
        bridge.stock_item_id,
        parties.customer_id,
        customer_city.delivery_city_id,
        parties.salesperson_person_id,
        parties.picked_by_person_id,
        lines.description,
        lines.package_type_id,
        lines.quantity,
        coalesce(lines.unit_price, 0) as unit_price,
        lines.tax_rate,
        orders.order_date,
        line_progress.picking_completed_when,
        coalesce(line_status.is_deleted, false) as is_deleted,
        -- last edit of line or header: dimension versions are looked up as of this time
        greatest(
            coalesce(line_progress.last_edited_when, order_progress.last_edited_when),
            coalesce(order_progress.last_edited_when, line_progress.last_edited_when)
        ) as edited_when,
        greatest(
            bridge.load_dts,
            coalesce(parties.load_dts, bridge.load_dts),
            lines.load_dts,
            line_progress.load_dts,
            line_status.load_dts,
            coalesce(orders.load_dts, lines.load_dts),
            coalesce(order_progress.load_dts, lines.load_dts)
        ) as load_dts
    from orders_of_lines as bridge
    inner join lines
        on bridge.order_line_hk = lines.order_line_hk
    inner join line_progress
        on bridge.order_line_hk = line_progress.order_line_hk
    inner join line_status
        on bridge.order_line_hk = line_status.order_line_hk
    left join parties_of_orders as parties
        on bridge.order_hk = parties.order_hk
    left join {{ ref('bv_customer_city') }} as customer_city
        on parties.customer_hk = customer_city.customer_hk
    left join orders
        on bridge.order_hk = orders.order_hk
    left join order_progress
        on bridge.order_hk = order_progress.order_hk
),

amounts as (
    select
        *,
        {{ line_amount('quantity', 'unit_price') }} as total_excluding_tax,
        {{ line_tax('quantity', 'unit_price', 'tax_rate') }} as tax_amount
    from order_lines
)

select
    amounts.order_line_id as order_key,
    coalesce(city.city_key, 0) as city_key,
    coalesce(customer.customer_key, 0) as customer_key,
    coalesce(stock_item.stock_item_key, 0) as stock_item_key,
    amounts.order_date as order_date_key,
    cast(amounts.picking_completed_when as date) as picked_date_key,
    coalesce(salesperson.employee_key, 0) as salesperson_key,
    coalesce(picker.employee_key, 0) as picker_key,
    amounts.order_id as wwi_order_id,
    amounts.backorder_order_id as wwi_backorder_id,
    amounts.description,
    coalesce(package_types.package_type_name, 'N/A') as package,
    amounts.quantity,
    cast(amounts.unit_price as numeric(18, 2)) as unit_price,
    cast(amounts.tax_rate as numeric(18, 3)) as tax_rate,
    amounts.total_excluding_tax,
    amounts.tax_amount,
    cast(amounts.total_excluding_tax + amounts.tax_amount as numeric(31, 2)) as total_including_tax,
    amounts.is_deleted,
    batch.batch_id as lineage_key
from amounts
left join {{ ref('bv_batch') }} as batch
    on amounts.load_dts = batch.load_dts
left join package_types
    on amounts.package_type_id = package_types.package_type_id
left join {{ ref('dim_city') }} as city
    on
        amounts.delivery_city_id = city.wwi_city_id
        and {{ valid_at('city', 'amounts.edited_when') }}
left join {{ ref('dim_customer_unmasked') }} as customer
    on
        amounts.customer_id = customer.wwi_customer_id
        and {{ valid_at('customer', 'amounts.edited_when') }}
left join {{ ref('dim_stock_item') }} as stock_item
    on
        amounts.stock_item_id = stock_item.wwi_stock_item_id
        and {{ valid_at('stock_item', 'amounts.edited_when') }}
left join {{ ref('dim_employee_unmasked') }} as salesperson
    on
        amounts.salesperson_person_id = salesperson.wwi_employee_id
        and {{ valid_at('salesperson', 'amounts.edited_when') }}
left join {{ ref('dim_employee_unmasked') }} as picker
    on
        amounts.picked_by_person_id = picker.wwi_employee_id
        and {{ valid_at('picker', 'amounts.edited_when') }}
