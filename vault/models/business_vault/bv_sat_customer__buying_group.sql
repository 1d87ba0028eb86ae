with customers as (
    {{ validity_ranges(ref('sat_customer__details'), 'customer_hk', ['buying_group_id']) }}
),

buying_groups as (
    {{ validity_ranges(ref('ref_buying_group'), 'buying_group_id', ['buying_group_name']) }}
)

{{ parent_history(
    'customers', 'customer_hk', 'buying_groups',
    'buying_group_id', ['buying_group_name']
) }}
