{%- set attributes = ['employee', 'preferred_name', 'is_salesperson', 'photo', 'is_deleted'] -%}
with people as (
    select
        hub.person_id as wwi_employee_id,
        coalesce(personal.full_name, 'N/A') as employee,
        coalesce(personal.preferred_name, 'N/A') as preferred_name,
        coalesce(details.is_salesperson, false) as is_salesperson,
        personal.photo,
        coalesce(status.is_deleted, false) as is_deleted,
        pit.load_dts,
        -- former employees stay members, so that their sales keep a name
        max(if(details.is_employee, 1, 0)) over (
            partition by pit.person_hk order by pit.load_dts
            rows between unbounded preceding and current row
        ) = 1 as has_been_employee
    from {{ ref('pit_person') }} as pit
    inner join {{ ref('hub_person') }} as hub
        on pit.person_hk = hub.person_hk
    inner join {{ ref('sat_person__details') }} as details
        on
            pit.person_hk = details.person_hk
            and pit.details_load_dts = details.load_dts
    left join {{ ref('sat_person__personal') }} as personal
        on
            pit.person_hk = personal.person_hk
            and pit.personal_load_dts = personal.load_dts
    left join {{ ref('sat_person__status') }} as status
        on
            pit.person_hk = status.person_hk
            and pit.status_load_dts = status.load_dts
),

states as (
    select *
    from people
    where has_been_employee
),

versions as (
    {{ type_2('states', 'wwi_employee_id', attributes) }}
)

select
    0 as employee_key,
    0 as wwi_employee_id,
    'Unknown' as employee,
    'N/A' as preferred_name,
    false as is_salesperson,
    cast(null as bytes) as photo,
    {{ start_of_data() }} as valid_from,
    {{ end_of_time() }} as valid_to,
    false as is_deleted,
    0 as lineage_key
union all
select
    version_key as employee_key,
    wwi_employee_id,
    employee,
    preferred_name,
    is_salesperson,
    photo,
    valid_from,
    valid_to,
    is_deleted,
    lineage_key
from versions
