{%- set attributes = [
    'stock_item', 'color', 'selling_package', 'buying_package', 'brand', 'size', 'lead_time_days',
    'quantity_per_outer', 'is_chiller_stock', 'barcode', 'tax_rate', 'unit_price',
    'recommended_retail_price', 'typical_weight_per_unit', 'photo', 'is_deleted'
] -%}
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
        coalesce(pricing.tax_rate, 0) as tax_rate,
        coalesce(pricing.unit_price, 0) as unit_price,
        pricing.recommended_retail_price,
        coalesce(details.typical_weight_per_unit, 0) as typical_weight_per_unit,
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

versions as (
    {{ type_2('states', 'wwi_stock_item_id', attributes) }}
)

select
    0 as stock_item_key,
    0 as wwi_stock_item_id,
    'Unknown' as stock_item,
    'N/A' as color,
    'N/A' as selling_package,
    'N/A' as buying_package,
    'N/A' as brand,
    'N/A' as size,
    0 as lead_time_days,
    0 as quantity_per_outer,
    false as is_chiller_stock,
    'N/A' as barcode,
    cast(0 as numeric(18, 3)) as tax_rate,
    cast(0 as numeric(18, 2)) as unit_price,
    cast(0 as numeric(18, 2)) as recommended_retail_price,
    cast(0 as numeric(18, 3)) as typical_weight_per_unit,
    cast(null as bytes) as photo,
    {{ start_of_data() }} as valid_from,
    {{ end_of_time() }} as valid_to,
    false as is_deleted,
    0 as lineage_key
union all
select
    version_key as stock_item_key,
    wwi_stock_item_id,
    stock_item,
    color,
    selling_package,
    buying_package,
    brand,
    size,
    lead_time_days,
    quantity_per_outer,
    is_chiller_stock,
    barcode,
    cast(tax_rate as numeric(18, 3)) as tax_rate,
    cast(unit_price as numeric(18, 2)) as unit_price,
    cast(recommended_retail_price as numeric(18, 2)) as recommended_retail_price,
    cast(typical_weight_per_unit as numeric(18, 3)) as typical_weight_per_unit,
    photo,
    valid_from,
    valid_to,
    is_deleted,
    lineage_key
from versions
