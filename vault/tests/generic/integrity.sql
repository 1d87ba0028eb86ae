{#-
    Selects every key of a hub or link that is null or not unique, every key of a satellite that the model lacks, and
    every key with two rows of one load in a satellite. `satellites` lists {to, key, check_parent}: the relation, its
    key, and whether to look its keys up in the model.
-#}
{% test integrity(model, column_name, satellites=[]) %}

    select
        {{ as_text(column_name) }} as row_key,
        '{{ column_name }}' as column_name,
        cast(count(*) as string) || ' rows' as value,
        'unique and not null' as expected
    from {{ model }}
    group by {{ column_name }}
    having count(*) > 1 or {{ column_name }} is null
    {% for satellite in satellites %}
        union all
        select
            {{ as_text(satellite.key) }} as row_key,
            '{{ satellite.to.identifier }}.{{ satellite.key }}' as column_name,
            cast(count(*) as string) || ' rows of ' || cast(load_dts as string) as value,
            'one row per load' as expected
        from {{ satellite.to }}
        group by {{ satellite.key }}, load_dts
        having count(*) > 1
        {% if satellite.check_parent %}
            union all
            select
                {{ as_text('satellite.' ~ column_name) }} as row_key,
                '{{ satellite.to.identifier }}.{{ column_name }}' as column_name,
                {{ as_text('satellite.' ~ column_name) }} as value,
                'in {{ model.identifier }}' as expected
            from {{ satellite.to }} as satellite
            left join {{ model }} as parent
                on satellite.{{ column_name }} = parent.{{ column_name }}
            where parent.{{ column_name }} is null
        {% endif %}
    {% endfor %}

{% endtest %}
