{%- set unknown = {
    'stock_item': "'Unknown'",
    'color': "'N/A'",
    'selling_package': "'N/A'",
    'buying_package': "'N/A'",
    'brand': "'N/A'",
    'size': "'N/A'",
    'lead_time_days': "0",
    'quantity_per_outer': "0",
    'is_chiller_stock': "false",
    'barcode': "'N/A'",
    'tax_rate': "cast(0 as numeric(18, 3))",
    'unit_price': "cast(0 as numeric(18, 2))",
    'recommended_retail_price': "cast(0 as numeric(18, 2))",
    'typical_weight_per_unit': "cast(0 as numeric(18, 3))",
    'photo': "cast(null as bytes)",
} -%}
with colors as (
    {{ validity_ranges(ref('ref_color'), 'color_id', ['color_name']) }}
),

package_types as (
    {{ validity_ranges(ref('ref_package_type'), 'package_type_id', ['package_type_name']) }}
),

items as (
    select
        hub.stock_item_id as wwi_stock_item_id,
        coalesce(details.stock_item_name, 'N/A') as stock_item,
        coalesce(details.brand, 'N/A') as brand,
        coalesce(details.size, 'N/A') as size,
        coalesce(details.lead_time_days, 0) as lead_time_days,
        coalesce(details.quantity_per_outer, 0) as quantity_per_outer,
        coalesce(details.is_chiller_stock, false) as is_chiller_stock,
        coalesce(details.barcode, 'N/A') as barcode,
        cast(coalesce(pricing.tax_rate, 0) as numeric(18, 3)) as tax_rate,
        cast(coalesce(pricing.unit_price, 0) as numeric(18, 2)) as unit_price,
        cast(pricing.recommended_retail_price as numeric(18, 2)) as recommended_retail_price,
        cast(
            coalesce(details.typical_weight_per_unit, 0) as numeric(18, 3)
        ) as typical_weight_per_unit,
        details.photo,
        coalesce(status.is_deleted, false) as is_deleted,
        details.color_id,
        details.unit_package_id,
        details.outer_package_id,
        pit.load_dts
    from {{ ref('pit_stock_item') }} as pit
    inner join {{ ref('hub_stock_item') }} as hub
        on pit.stock_item_hk = hub.stock_item_hk
    inner join {{ ref('sat_stock_item__details') }} as details
        on
            pit.stock_item_hk = details.stock_item_hk
            and pit.details_load_dts = details.load_dts
    left join {{ ref('sat_stock_item__pricing') }} as pricing
        on
            pit.stock_item_hk = pricing.stock_item_hk
            and pit.pricing_load_dts = pricing.load_dts
    left join {{ ref('sat_stock_item__status') }} as status
        on
            pit.stock_item_hk = status.stock_item_hk
            and pit.status_load_dts = status.load_dts
),

states as (
    {{ with_names('items', 'wwi_stock_item_id', {
        'color': {
            'of': 'colors', 'key': 'color_id', 'name': 'color_name', 'by': 'color_id'
        },
        'selling_package': {
            'of': 'package_types', 'key': 'package_type_id', 'name': 'package_type_name',
            'by': 'unit_package_id'
        },
        'buying_package': {
            'of': 'package_types', 'key': 'package_type_id', 'name': 'package_type_name',
            'by': 'outer_package_id'
        }
    }) }}
),

dimension as (
    {{ type_2('states', 'stock_item', unknown) }}
)

select *
from dimension
