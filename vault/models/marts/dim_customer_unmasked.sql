{%- set unknown = {
    'customer': "'Unknown'",
    'bill_to_customer': "'N/A'",
    'category': "'N/A'",
    'buying_group': "'N/A'",
    'primary_contact': "'N/A'",
    'postal_code': "'N/A'",
} -%}
with accounts as (
    {{ relationships('customer_account', 'customer_hk', [
        'bill_to_customer_hk', 'primary_contact_person_hk'
    ]) }}
),

customer_names as (
    {{ validity_ranges(ref('sat_customer__personal'), 'customer_hk', ['customer_name']) }}
),

person_names as (
    {{ validity_ranges(ref('sat_person__personal'), 'person_hk', ['full_name']) }}
),

customers as (
    select
        hub.customer_id as wwi_customer_id,
        coalesce(personal.customer_name, 'N/A') as customer,
        coalesce(category.customer_category_name, 'N/A') as category,
        coalesce(buying_group.buying_group_name, 'N/A') as buying_group,
        coalesce(personal.delivery_postal_code, 'N/A') as postal_code,
        coalesce(status.is_deleted, false) as is_deleted,
        accounts.bill_to_customer_hk,
        accounts.primary_contact_person_hk,
        pit.load_dts
    from {{ ref('pit_customer') }} as pit
    inner join {{ ref('hub_customer') }} as hub
        on pit.customer_hk = hub.customer_hk
    inner join {{ ref('sat_customer__personal') }} as personal
        on
            pit.customer_hk = personal.customer_hk
            and pit.personal_load_dts = personal.load_dts
    left join {{ ref('bv_sat_customer__category') }} as category
        on
            pit.customer_hk = category.customer_hk
            and pit.category_load_dts = category.load_dts
    left join {{ ref('bv_sat_customer__buying_group') }} as buying_group
        on
            pit.customer_hk = buying_group.customer_hk
            and pit.buying_group_load_dts = buying_group.load_dts
    left join {{ ref('sat_customer__status') }} as status
        on
            pit.customer_hk = status.customer_hk
            and pit.status_load_dts = status.load_dts
    left join accounts
        on
            pit.customer_hk = accounts.customer_hk
            and pit.account_load_dts = accounts.load_dts
),

states as (
    {{ with_names('customers', 'wwi_customer_id', {
        'bill_to_customer': {
            'of': 'customer_names', 'key': 'customer_hk', 'name': 'customer_name',
            'by': 'bill_to_customer_hk'
        },
        'primary_contact': {
            'of': 'person_names', 'key': 'person_hk', 'name': 'full_name',
            'by': 'primary_contact_person_hk'
        }
    }) }}
),

dimension as (
    {{ type_2('states', 'customer', unknown) }}
)

select *
from dimension
