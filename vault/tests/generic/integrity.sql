{#-
    Fails with every key of a hub or link that is null or there twice; with every key that a satellite has and
    the model lacks; and with every key of which a satellite has two rows of one load. `satellites` lists
    {to, key, tells_parent}: the relation, its key, and whether its keys are worth looking up in the model.
-#}
{% test integrity(model, column_name, satellites=[]) %}

    select
        '{{ model.identifier }}' as relation,
        'null or not unique' as problem,
        {{ column_name }} as hash_key
    from {{ model }}
    group by {{ column_name }}
    having count(*) > 1 or {{ column_name }} is null
    {% for satellite in satellites %}
        union all
        select
            '{{ satellite.to.identifier }}' as relation,
            'several rows of one load' as problem,
            {{ satellite.key }} as hash_key
        from {{ satellite.to }}
        group by {{ satellite.key }}, load_dts
        having count(*) > 1
        {% if satellite.tells_parent %}
            union all
            select
                '{{ satellite.to.identifier }}' as relation,
                'unknown to {{ model.identifier }}' as problem,
                satellite.{{ column_name }} as hash_key
            from {{ satellite.to }} as satellite
            left join {{ model }} as parent
                on satellite.{{ column_name }} = parent.{{ column_name }}
            where parent.{{ column_name }} is null
        {% endif %}
    {% endfor %}

{% endtest %}
