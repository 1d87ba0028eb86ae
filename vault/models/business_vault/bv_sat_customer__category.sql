with customers as (
    {{ validity_ranges(ref('sat_customer__details'), 'customer_hk', ['customer_category_id']) }}
),

categories as (
    {{ validity_ranges(
        ref('ref_customer_category'), 'customer_category_id', ['customer_category_name']
    ) }}
)

{{ parent_history(
    'customers', 'customer_hk', 'categories',
    'customer_category_id', ['customer_category_name']
) }}
