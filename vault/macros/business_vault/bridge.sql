{#-
    Bridge of a hub: one row per key and load at which a relationship of `link` came into force, with the keys
    and the source's numbers of the hubs at its ends. A relationship that came back is there again.

    `ends` maps the name of an end to its hub: {'customer': 'customer', 'picked_by_person': 'person'}; the link
    has `<end>_hk`. The number is null where the link has the zero key, and for a key that its hub did not have
    when the relationship came: what a row says must not depend on when it was added.

    Link and effectivity are partitioned by `number`, the hub's own. An incremental model only adds what a load
    brings, and reads the ranges of numbers that it touches, as `pit` does and when `pit` does. What it adds is
    in the stage, so of hubs that grow it reads the ranges in which the stage has their number: `growing` maps
    such a hub to its one end, by which the stage calls the number. Other hubs are read whole.
-#}
{% macro bridge(hub, link, number, ends, growing={}) -%}
    {%- set key = hub ~ '_hk' -%}
    {%- set link_key = 'link_' ~ link ~ '_hk' -%}
    {%- set tables = ['eff_sat_' ~ link] -%}
    {%- set touched = touched_by_load(number, tables) -%}
    with in_force as (
        select
            {{ key }},
            {{ number }},
            {{ link_key }},
            load_dts
        from {{ ref('eff_sat_' ~ link) }}
        {%- if touched %}
        where {{ touched }}
        {%- endif %}
    ),

    links as (
        select
            {{ link_key }},
            {%- for end in ends %}
            {{ end }}_hk{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ ref('link_' ~ link) }}
        {%- if touched %}
        where {{ touched }}
        {%- endif %}
    ),

    relationships as (
        select
            in_force.{{ key }},
            in_force.{{ number }},
            {%- for end in ends %}
            links.{{ end }}_hk,
            {%- endfor %}
            in_force.load_dts
        from in_force
        inner join links
            on in_force.{{ link_key }} = links.{{ link_key }}
        {%- if touched %}
        left join (select * from {{ this }} where {{ touched }}) as known
            on
                in_force.{{ key }} = known.{{ key }}
                and in_force.load_dts = known.load_dts
        where known.load_dts is null
        {%- endif %}
    )

    {%- for of in ends.values() | unique %}
    {%- set named = touched_by_load(of ~ '_id', tables, growing[of] ~ '_id') if of in growing else none %},

    {{ of }}_numbers as (
        select
            {{ of }}_hk,
            {{ of }}_id,
            load_dts
        from {{ ref('hub_' ~ of) }}
        {%- if named %}
        where {{ named }}
        {%- endif %}
    )
    {%- endfor %}

    select
        relationships.{{ key }},
        {%- for end in ends %}
        relationships.{{ end }}_hk,
        {%- endfor %}
        relationships.{{ number }},
        {%- for end, of in ends.items() %}
        {{ end }}_end.{{ of }}_id as {{ end }}_id,
        {%- endfor %}
        relationships.load_dts
    from relationships
    {%- for end, of in ends.items() %}
    left join {{ of }}_numbers as {{ end }}_end
        on
            relationships.{{ end }}_hk = {{ end }}_end.{{ of }}_hk
            and {{ end }}_end.load_dts <= relationships.load_dts
    {%- endfor %}
{%- endmacro %}
