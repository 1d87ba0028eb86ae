{#-
    Point-in-time (PIT) table of a hub: one row per key and load time at which one of `satellites` has a row. For each
    satellite, `<name>_load_dts` is the load time of its row in force then (null before the first).

    `satellites` maps a short name to the table: {'details': 'sat_customer__details', ...}. Each has the key
    `<hub>_hk` and load_dts. Rows follow changes instead of a calendar, so every state is included and days without
    changes cost nothing. A running maximum replaces a self-join of each satellite.

    `number`: source key by which all satellites are partitioned. With it, an incremental model only adds new rows
    and reads only touched key ranges. Existing rows never change.
-#}
{% macro point_in_time(hub, satellites, number=none) -%}
    {%- set key = hub ~ '_hk' -%}
    {%- set touched = touched_keys(number) if number else none -%}
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
