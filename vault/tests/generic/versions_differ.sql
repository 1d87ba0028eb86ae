{#- Selects versions with the same `attributes` as the version before. -#}
{% test versions_differ(model, member, attributes) %}

    with neighbours as (
        select
            {{ member }},
            valid_from,
            (
                {% for attribute in attributes %}
                    {{ attribute }} is not distinct from lag({{ attribute }}) over history and
                {% endfor %}
                lag(valid_from) over history is not null
            ) as is_same
        from {{ model }}
        window history as (partition by {{ member }} order by valid_from)
    )

    select
        {{ as_text(member) }} as row_key,
        'valid_from' as column_name,
        {{ as_text('valid_from') }} as value,
        'another state than the version before' as expected
    from neighbours
    where is_same

{% endtest %}
