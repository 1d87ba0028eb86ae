{%- set attributes = ['transaction_type', 'is_deleted'] -%}
with pit as (
    {{ point_in_time('transaction_type', {
        'details': 'ref_transaction_type',
        'status': 'ref_transaction_type__status'
    }) }}
),

states as (
    select
        details.transaction_type_id as wwi_transaction_type_id,
        coalesce(details.transaction_type_name, 'N/A') as transaction_type,
        coalesce(status.is_deleted, false) as is_deleted,
        pit.load_dts
    from pit
    inner join {{ ref('ref_transaction_type') }} as details
        on
            pit.transaction_type_hk = details.transaction_type_hk
            and pit.details_load_dts = details.load_dts
    left join {{ ref('ref_transaction_type__status') }} as status
        on
            pit.transaction_type_hk = status.transaction_type_hk
            and pit.status_load_dts = status.load_dts
),

versions as (
    {{ type_2('states', 'wwi_transaction_type_id', attributes) }}
)

select
    0 as transaction_type_key,
    0 as wwi_transaction_type_id,
    'Unknown' as transaction_type,
    {{ start_of_data() }} as valid_from,
    {{ end_of_time() }} as valid_to,
    false as is_deleted,
    0 as lineage_key
union all
select
    version_key as transaction_type_key,
    wwi_transaction_type_id,
    transaction_type,
    valid_from,
    valid_to,
    is_deleted,
    lineage_key
from versions
