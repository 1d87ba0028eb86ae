{#-
    Point-in-time table of a hub: one row per key and load at which any of `satellites` got a row, and for
    each satellite the load_dts of its row in force then, as `<name>_load_dts` (null before its first).

    `satellites` maps a short name to the table: {'details': 'sat_customer__details', ...}. Each is keyed
    by `<hub>_hk` and load_dts. Driven by changes, not by a calendar, so no state is ever missed and quiet
    days cost nothing; the running maximum replaces a join of each satellite with itself.

    With `number`, by which all of them are partitioned, an incremental model only adds the points that a load
    brings, and reads the ranges of numbers that it touches. A point stays as it was added.
-#}
{% macro pit(hub, satellites, number=none) -%}
    {%- set key = hub ~ '_hk' -%}
    {%- set touched = touched_by_load(number, satellites.values()) if number else none -%}
    with events as (
        {%- for name, table in satellites.items() %}
        select
            {{ key }},
            {%- if number %}
            {{ number }},
            {%- endif %}
            load_dts,
            '{{ name }}' as changed
        from {{ ref(table) }}
        {%- if touched %}
        where {{ touched }}
        {%- endif %}
        {%- if not loop.last %}
        union all
        {%- endif %}
        {%- endfor %}
    ),

    changes as (
        select
            {{ key }},
            {%- if number %}
            {{ number }},
            {%- endif %}
            load_dts,
            {%- for name in satellites %}
            max(if(changed = '{{ name }}', load_dts, null)) as {{ name }}_load_dts
            {%- if not loop.last %},{% endif %}
            {%- endfor %}
        from events
        group by {{ key }},{{ ' ' ~ number ~ ',' if number }} load_dts
    ),

    points as (
        select
            {{ key }},
            {%- if number %}
            {{ number }},
            {%- endif %}
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
    )

    select points.*
    from points
    {%- if touched %}
    left join (select * from {{ this }} where {{ touched }}) as known
        on
            points.{{ key }} = known.{{ key }}
            and points.load_dts = known.load_dts
    where known.load_dts is null
    {%- endif %}
{%- endmacro %}
