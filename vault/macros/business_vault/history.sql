{#- Query: the latest row of each `key`; (key, load_dts) is unique in `relation`. -#}
{% macro latest(relation, key) -%}
    select *
    from {{ relation }}
    where true -- GoogleSQL requires a where with qualify
    qualify max(load_dts) over (partition by {{ key }}) = load_dts
{%- endmacro %}

{#-
    Query: every row of `relation` with the end of its validity, `next_load_dts` (exclusive).
    `columns`: columns to select in addition to `key` and `load_dts`.
-#}
{% macro validity_ranges(relation, key, columns) -%}
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

{#- Condition: the row `range` of validity_ranges was valid at the load time `load_dts`. -#}
{% macro valid_as_of(range, load_dts) -%}
    {{ range }}.load_dts <= {{ load_dts }} and {{ load_dts }} < {{ range }}.next_load_dts
{%- endmacro %}

{#-
    Query: the history of `columns` of the parent for each child. `child` and `parent` are CTEs made by
    validity_ranges; both have `parent_key`. One row per child and load time at which the child changed or its parent
    changed; the columns are null while the parent of the child is unknown.
-#}
{% macro parent_history(child, child_key, parent, parent_key, columns) -%}
    -- the parent at each change of the child
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
            and {{ valid_as_of(parent, child ~ '.load_dts') }}
    union all
    -- later changes of the parent
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
    Query: the relationships of `link`, each with the load time at which it became effective for its `driving_key`.
    A relationship that becomes effective again appears again.
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
