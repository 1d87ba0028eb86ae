{#-
    Query: a type 2 dimension, from the CTE `states`: `wwi_<dimension>_id`, the attributes, is_deleted and load_dts; one
    row per member and load time. A state with the same attributes as the one before starts no version.

    `unknown` maps each attribute to its value in the unknown member, which has key 0. `constants` are columns that no
    state has; they have this value in every row. Keys number the versions in the order of load time and member, so
    later loads add keys and never change one.
-#}
{% macro type_2(states, dimension, unknown, constants={}) -%}
    {%- set member = 'wwi_' ~ dimension ~ '_id' -%}
    with compared as (
        select
            *,
            lag(load_dts) over history is null as is_first,
            (
                {%- for attribute in unknown %}
                {{ attribute }} is distinct from lag({{ attribute }}) over history or
                {%- endfor %}
                is_deleted is distinct from lag(is_deleted) over history
            ) as is_changed
        from {{ states }}
        window history as (partition by {{ member }} order by load_dts)
    ),

    versions as (
        select *
        from compared
        where is_first or is_changed
    )

    select
        0 as {{ dimension }}_key,
        0 as {{ member }},
        {%- for attribute, value in (unknown.items() | list) + (constants.items() | list) %}
        {{ value }} as {{ attribute }},
        {%- endfor %}
        {{ start_of_data() }} as valid_from,
        {{ end_of_time() }} as valid_to,
        false as is_deleted,
        0 as lineage_key
    union all
    select
        row_number() over (order by versions.load_dts, versions.{{ member }}) as {{ dimension }}_key,
        versions.{{ member }},
        {%- for attribute in unknown %}
        versions.{{ attribute }},
        {%- endfor %}
        {%- for column, value in constants.items() %}
        {{ value }} as {{ column }},
        {%- endfor %}
        if(versions.is_first, {{ start_of_time() }}, batch.valid_from) as valid_from,
        lead(batch.valid_from, 1, {{ end_of_time() }}) over (
            partition by versions.{{ member }} order by versions.load_dts
        ) as valid_to,
        versions.is_deleted,
        batch.batch_id as lineage_key
    from versions
    left join {{ ref('bv_batch') }} as batch on versions.load_dts = batch.load_dts
{%- endmacro %}
