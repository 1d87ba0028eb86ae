with customers as (
    {{ spans(ref('sat_customer__details'), 'customer_hk', ['customer_category_id']) }}
),

categories as (
    {{ spans(ref('ref_customer_category'), 'customer_category_id', ['customer_category_name']) }}
)

{{ seen_from(
    'customers', 'customer_hk', 'categories',
    'customer_category_id', ['customer_category_name']
) }}
