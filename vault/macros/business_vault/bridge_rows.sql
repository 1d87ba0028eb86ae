{#-
    Rows of a bridge: one per hub key and load time at which a relationship of `link` became effective, with the hash
    keys and source keys of the hubs it refers to. A relationship that becomes effective again has another row.

    `ends` maps a role to its hub: {'customer': 'customer', 'picked_by_person': 'person'}; the link has `<role>_hk`.
    The source key is null for the zero key, and for a key that its hub did not contain at the load time of the
    relationship, so that a row does not depend on when it was added.

    Link and effectivity satellite are partitioned by `number`, the source key of the hub. An incremental model only
    adds new rows and reads only touched key ranges, like point_in_time. The model's meta `growing` maps hubs with
    many new keys to their role: of these, only the key ranges that the load touches are read. Other hubs are read
    completely.
-#}
{% macro bridge_rows(hub, link, number, ends) -%}
    {%- set growing = model.config.meta.get('growing', {}) if execute else {} -%}
    {%- set key = hub ~ '_hk' -%}
    {%- set link_key = 'link_' ~ link ~ '_hk' -%}
    {%- set touched = touched_keys(number) -%}
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
    {%- set named = touched_keys(growing[of] ~ '_id') if of in growing else none %},

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
