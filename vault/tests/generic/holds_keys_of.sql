{#- Fails with the keys of the relations `children`, in the same column, that the model lacks. -#}
{% test holds_keys_of(model, column_name, children) %}

    {% for child in children %}
        select
            '{{ child.identifier }}' as child,
            child.{{ column_name }} as missing_key
        from {{ child }} as child
        left join {{ model }} as parent
            on child.{{ column_name }} = parent.{{ column_name }}
        where parent.{{ column_name }} is null
        {{ 'union all' if not loop.last }}
    {% endfor %}

{% endtest %}
