{#- Select: of each `key` the row that came last; `relation` holds a (key, load_dts) once. -#}
{% macro latest(relation, key) -%}
    select *
    from {{ relation }}
    where true -- GoogleSQL asks for a where beside a qualify
    qualify max(load_dts) over (partition by {{ key }}) = load_dts
{%- endmacro %}

{#-
    Select: every row of `relation` with the time until which it held, `next_load_dts` (excluded).
    `columns` are what is wanted besides `key` and `load_dts`.
-#}
{% macro spans(relation, key, columns) -%}
    select
        {{ key }},
        {%- for column in columns %}
        {{ column }},
        {%- endfor %}
        load_dts,
        lead(load_dts, 1, timestamp '9999-12-31 23:59:59.999999+00') over (
            partition by {{ key }} order by load_dts
        ) as next_load_dts
    from {{ relation }}
{%- endmacro %}

{#- Condition: the span `span` held at the load time `load_dts`. -#}
{% macro known_at(span, load_dts) -%}
    {{ span }}.load_dts <= {{ load_dts }} and {{ load_dts }} < {{ span }}.next_load_dts
{%- endmacro %}

{#-
    Select: what `parent` says, as each row of `child` saw it over time. `child` and `parent` are CTEs
    made by `spans`; both have `parent_key`. One row per child and load at which the child changed or
    its parent changed under it; the columns are null while the child has no known parent.
-#}
{% macro seen_from(child, child_key, parent, parent_key, columns) -%}
    -- what the child saw when it changed itself
    select
        {{ child }}.{{ child_key }},
        {%- for column in columns %}
        {{ parent }}.{{ column }},
        {%- endfor %}
        {{ child }}.load_dts
    from {{ child }}
    left join {{ parent }}
        on
            {{ child }}.{{ parent_key }} = {{ parent }}.{{ parent_key }}
            and {{ known_at(parent, child ~ '.load_dts') }}
    union all
    -- what changed under it later
    select
        {{ child }}.{{ child_key }},
        {%- for column in columns %}
        {{ parent }}.{{ column }},
        {%- endfor %}
        {{ parent }}.load_dts
    from {{ child }}
    inner join {{ parent }}
        on
            {{ child }}.{{ parent_key }} = {{ parent }}.{{ parent_key }}
            and {{ child }}.load_dts < {{ parent }}.load_dts
            and {{ parent }}.load_dts < {{ child }}.next_load_dts
{%- endmacro %}

{#-
    Select: the relationship rows of `link`, each from the load at which it came into force for its
    `driving_key`. A relationship that came back appears again.
-#}
{% macro relationships(link, driving_key, roles) -%}
    {%- set link_key = 'link_' ~ link ~ '_hk' -%}
    select
        in_force.{{ driving_key }},
        {%- for role in roles %}
        link.{{ role }},
        {%- endfor %}
        in_force.load_dts
    from {{ ref('eff_sat_' ~ link) }} as in_force
    inner join {{ ref('link_' ~ link) }} as link
        on in_force.{{ link_key }} = link.{{ link_key }}
{%- endmacro %}
