with suppliers as (
    {{ validity_ranges(ref('sat_supplier__details'), 'supplier_hk', ['supplier_category_id']) }}
),

categories as (
    {{ validity_ranges(
        ref('ref_supplier_category'), 'supplier_category_id', ['supplier_category_name']
    ) }}
)

{{ parent_history(
    'suppliers', 'supplier_hk', 'categories',
    'supplier_category_id', ['supplier_category_name']
) }}
