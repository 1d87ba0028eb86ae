{#- Selects nulls in `columns`, which the source cannot cause. -#}
{% test never_null(model, key, columns) %}

    {% for column in columns %}
        select
            {{ as_text(key) }} as row_key,
            '{{ column }}' as column_name,
            cast(null as string) as value,
            'not null' as expected
        from {{ model }}
        where {{ column }} is null
        {{ 'union all' if not loop.last }}
    {% endfor %}

{% endtest %}
