{#-
    Select: the rows of `states`, each with the names of what it refers to as known at its load, and once more
    at every later load that brought another name while the row held. So a rename is a state of every member
    that shows the name, and type_2 makes a version of it. A name whose row is gone from the source stays; a
    reference to nothing, or to what is not known yet, reads N/A.

    `states` has `member`, load_dts and the columns `by`. `names` maps a new column to where its values are: `of`,
    a CTE made by `spans`, with its `key` and `name`; `by` is the column of `states` that refers to that key.
-#}
{% macro with_names(states, member, names) -%}
    with held as (
        select
            *,
            lead(load_dts, 1, timestamp '9999-12-31 23:59:59.999999+00') over (
                partition by {{ member }} order by load_dts
            ) as next_load_dts
        from {{ states }}
    ),

    changes as (
        select
            {{ member }},
            load_dts
        from held
        {%- for column, source in names.items() %}
        union distinct
        select
            held.{{ member }},
            {{ column }}_names.load_dts
        from held
        inner join {{ source.of }} as {{ column }}_names
            on
                held.{{ source.by }} = {{ column }}_names.{{ source.key }}
                and held.load_dts < {{ column }}_names.load_dts
                and {{ column }}_names.load_dts < held.next_load_dts
        {%- endfor %}
    )

    select
        held.* except (load_dts, next_load_dts),
        {%- for column, source in names.items() %}
        coalesce({{ column }}_names.{{ source.name }}, 'N/A') as {{ column }},
        {%- endfor %}
        changes.load_dts
    from changes
    inner join held
        on
            changes.{{ member }} = held.{{ member }}
            and {{ known_at('held', 'changes.load_dts') }}
    {%- for column, source in names.items() %}
    left join {{ source.of }} as {{ column }}_names
        on
            held.{{ source.by }} = {{ column }}_names.{{ source.key }}
            and {{ known_at(column ~ '_names', 'changes.load_dts') }}
    {%- endfor %}
{%- endmacro %}
