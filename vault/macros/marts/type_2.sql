{#-
    Query: the type 2 versions of a dimension, from the CTE `states` (`member`, `attributes` and load_dts; one row
    per member and load time). A state with the same attributes as the one before starts no version.

    Returns version_key, `member`, the attributes, valid_from, valid_to and lineage_key. Keys number the versions in
    the order of load time and member, so later loads add keys and never change one.
-#}
{% macro type_2(states, member, attributes) -%}
    with compared as (
        select
            *,
            lag(load_dts) over history is null as is_first,
            (
                {%- for attribute in attributes %}
                {{ attribute }} is distinct from lag({{ attribute }}) over history
                {%- if not loop.last %} or{% endif %}
                {%- endfor %}
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
        row_number() over (order by versions.load_dts, versions.{{ member }}) as version_key,
        versions.{{ member }},
        {%- for attribute in attributes %}
        versions.{{ attribute }},
        {%- endfor %}
        if(versions.is_first, {{ start_of_time() }}, batch.valid_from) as valid_from,
        lead(batch.valid_from, 1, {{ end_of_time() }}) over (
            partition by versions.{{ member }} order by versions.load_dts
        ) as valid_to,
        batch.batch_id as lineage_key
    from versions
    left join {{ ref('bv_batch') }} as batch on versions.load_dts = batch.load_dts
{%- endmacro %}
