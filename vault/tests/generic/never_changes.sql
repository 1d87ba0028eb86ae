{#- Events of the stage that differ from what the model, a non-historised link, holds of them. -#}
{% test never_changes(model, stage, key, columns) %}

    select staged.{{ key }}
    from {{ stage }} as staged
    inner join {{ model }} as held
        on staged.{{ key }} = held.{{ key }}
    where
        {% for column in columns %}
            {{ 'or ' if not loop.first }}staged.{{ column }} is distinct from held.{{ column }}
        {% endfor %}

{% endtest %}
