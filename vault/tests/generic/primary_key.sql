{#- Fails with each value of the column that occurs twice, and with null: one reading for both. -#}
{% test primary_key(model, column_name) %}

    select
        {{ column_name }},
        count(*) as occurrences
    from {{ model }}
    group by {{ column_name }}
    having count(*) > 1 or {{ column_name }} is null

{% endtest %}
