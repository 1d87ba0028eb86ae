{%- set unknown = {
    'supplier': "'Unknown'",
    'category': "'N/A'",
    'primary_contact': "'N/A'",
    'supplier_reference': "'N/A'",
    'payment_days': "0",
    'postal_code': "'N/A'",
} -%}
with accounts as (
    {{ relationships('supplier_account', 'supplier_hk', ['primary_contact_person_hk']) }}
),

person_names as (
    {{ validity_ranges(ref('sat_person__personal'), 'person_hk', ['full_name']) }}
),

suppliers as (
    select
        hub.supplier_id as wwi_supplier_id,
        coalesce(details.supplier_name, 'N/A') as supplier,
        coalesce(category.supplier_category_name, 'N/A') as category,
        details.supplier_reference,
        coalesce(details.payment_days, 0) as payment_days,
        coalesce(details.delivery_postal_code, 'N/A') as postal_code,
        coalesce(status.is_deleted, false) as is_deleted,
        accounts.primary_contact_person_hk,
        pit.load_dts
    from {{ ref('pit_supplier') }} as pit
    inner join {{ ref('hub_supplier') }} as hub
        on pit.supplier_hk = hub.supplier_hk
    inner join {{ ref('sat_supplier__details') }} as details
        on
            pit.supplier_hk = details.supplier_hk
            and pit.details_load_dts = details.load_dts
    left join {{ ref('bv_sat_supplier__category') }} as category
        on
            pit.supplier_hk = category.supplier_hk
            and pit.category_load_dts = category.load_dts
    left join {{ ref('sat_supplier__status') }} as status
        on
            pit.supplier_hk = status.supplier_hk
            and pit.status_load_dts = status.load_dts
    left join accounts
        on
            pit.supplier_hk = accounts.supplier_hk
            and pit.account_load_dts = accounts.load_dts
),

states as (
    {{ with_names('suppliers', 'wwi_supplier_id', {
        'primary_contact': {
            'of': 'person_names', 'key': 'person_hk', 'name': 'full_name',
            'by': 'primary_contact_person_hk'
        }
    }) }}
),

dimension as (
    {{ type_2('states', 'supplier', unknown) }}
)

select *
from dimension
