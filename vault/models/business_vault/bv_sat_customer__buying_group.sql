with customers as (
    {{ spans(ref('sat_customer__details'), 'customer_hk', ['buying_group_id']) }}
),

buying_groups as (
    {{ spans(ref('ref_buying_group'), 'buying_group_id', ['buying_group_name']) }}
)

{{ seen_from(
    'customers', 'customer_hk', 'buying_groups',
    'buying_group_id', ['buying_group_name']
) }}
