{%- set unknown = {
    'employee': "'Unknown'",
    'preferred_name': "'N/A'",
    'is_salesperson': "false",
    'photo': "cast(null as bytes)",
} -%}
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

dimension as (
    {{ type_2('states', 'employee', unknown) }}
)

select *
from dimension
