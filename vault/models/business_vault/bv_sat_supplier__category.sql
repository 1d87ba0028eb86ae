with suppliers as (
    {{ spans(ref('sat_supplier__details'), 'supplier_hk', ['supplier_category_id']) }}
),

categories as (
    {{ spans(ref('ref_supplier_category'), 'supplier_category_id', ['supplier_category_name']) }}
)

{{ seen_from(
    'suppliers', 'supplier_hk', 'categories',
    'supplier_category_id', ['supplier_category_name']
) }}
