{#- Selects values of the column that are null or not unique, in one scan. -#}
{% test primary_key(model, column_name) %}

    select
        {{ as_text(column_name) }} as row_key,
        '{{ column_name }}' as column_name,
        cast(count(*) as string) || ' rows' as value,
        'unique and not null' as expected
    from {{ model }}
    group by {{ column_name }}
    having count(*) > 1 or {{ column_name }} is null

{% endtest %}
