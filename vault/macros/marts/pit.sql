{#-
    Point-in-time table of a hub: one row per key and load at which any of `satellites` got a row, and for
    each satellite the load_dts of its row in force then, as `<name>_load_dts` (null before its first).

    `satellites` maps a short name to the table: {'details': 'sat_customer__details', ...}. Each is keyed
    by `<hub>_hk` and load_dts. Driven by changes, not by a calendar, so no state is ever missed and quiet
    days cost nothing; the running maximum replaces a join of each satellite with itself.
-#}
{% macro pit(hub, satellites) -%}
    {%- set key = hub ~ '_hk' -%}
    with events as (
        {%- for name, table in satellites.items() %}
        select
            {{ key }},
            load_dts,
            '{{ name }}' as changed
        from {{ ref(table) }}
        {%- if not loop.last %}
        union all
        {%- endif %}
        {%- endfor %}
    ),

    changes as (
        select
            {{ key }},
            load_dts,
            {%- for name in satellites %}
            max(if(changed = '{{ name }}', load_dts, null)) as {{ name }}_load_dts
            {%- if not loop.last %},{% endif %}
            {%- endfor %}
        from events
        group by {{ key }}, load_dts
    )

    select
        {{ key }},
        load_dts,
        {%- for name in satellites %}
        max({{ name }}_load_dts) over history as {{ name }}_load_dts
        {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from changes
    window history as (
        partition by {{ key }} order by load_dts
        rows between unbounded preceding and current row
    )
{%- endmacro %}
