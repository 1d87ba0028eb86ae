{#- Fails with each of `columns` that holds nulls, and how many. -#}
{% test never_null(model, columns) %}

    {% for column in columns %}
        select
            '{{ column }}' as column_name,
            count(*) as null_rows
        from {{ model }}
        where {{ column }} is null
        having count(*) > 0
        {{ 'union all' if not loop.last }}
    {% endfor %}

{% endtest %}
