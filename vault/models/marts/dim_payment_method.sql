{%- set attributes = ['payment_method', 'is_deleted'] -%}
with pit as (
    {{ point_in_time('payment_method', {
        'details': 'ref_payment_method',
        'status': 'ref_payment_method__status'
    }) }}
),

states as (
    select
        details.payment_method_id as wwi_payment_method_id,
        coalesce(details.payment_method_name, 'N/A') as payment_method,
        coalesce(status.is_deleted, false) as is_deleted,
        pit.load_dts
    from pit
    inner join {{ ref('ref_payment_method') }} as details
        on
            pit.payment_method_hk = details.payment_method_hk
            and pit.details_load_dts = details.load_dts
    left join {{ ref('ref_payment_method__status') }} as status
        on
            pit.payment_method_hk = status.payment_method_hk
            and pit.status_load_dts = status.load_dts
),

versions as (
    {{ type_2('states', 'wwi_payment_method_id', attributes) }}
)

select
    0 as payment_method_key,
    0 as wwi_payment_method_id,
    'Unknown' as payment_method,
    {{ start_of_data() }} as valid_from,
    {{ end_of_time() }} as valid_to,
    false as is_deleted,
    0 as lineage_key
union all
select
    version_key as payment_method_key,
    wwi_payment_method_id,
    payment_method,
    valid_from,
    valid_to,
    is_deleted,
    lineage_key
from versions
