{#-
    Query: the rows of `states` with the names they refer to, plus a row at every later load time at which a name
    changed while the row was valid. So a rename is a new state of every member with this name, and type_2 makes a
    version of it. A name stays after its row was deleted; a null or unknown reference reads N/A.

    `states` has `member`, load_dts and the columns `by`. `names` maps a new column to its source: `of`, a CTE made by
    validity_ranges, with the columns `key` and `name`; `by`: the column of `states` that refers to the key.
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
            and {{ valid_as_of('held', 'changes.load_dts') }}
    {%- for column, source in names.items() %}
    left join {{ source.of }} as {{ column }}_names
        on
            held.{{ source.by }} = {{ column }}_names.{{ source.key }}
            and {{ valid_as_of(column ~ '_names', 'changes.load_dts') }}
    {%- endfor %}
{%- endmacro %}
