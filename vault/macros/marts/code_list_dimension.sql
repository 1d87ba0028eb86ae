{#- Query: the type 2 dimension of a code list, from its reference table; the only attribute is its name. -#}
{% macro code_list_dimension(code_list) -%}
    {%- set key = code_list ~ '_hk' -%}
    with pit as (
        {{ point_in_time(code_list, {
            'details': 'ref_' ~ code_list,
            'status': 'ref_' ~ code_list ~ '__status'
        }) }}
    ),

    states as (
        select
            details.{{ code_list }}_id as wwi_{{ code_list }}_id,
            coalesce(details.{{ code_list }}_name, 'N/A') as {{ code_list }},
            coalesce(status.is_deleted, false) as is_deleted,
            pit.load_dts
        from pit
        inner join {{ ref('ref_' ~ code_list) }} as details
            on
                pit.{{ key }} = details.{{ key }}
                and pit.details_load_dts = details.load_dts
        left join {{ ref('ref_' ~ code_list ~ '__status') }} as status
            on
                pit.{{ key }} = status.{{ key }}
                and pit.status_load_dts = status.load_dts
    ),

    dimension as (
        {{ type_2('states', code_list, {code_list: "'Unknown'"}) }}
    )

    select *
    from dimension
{%- endmacro %}
