{#-
    Fails with the keys that point to nothing. `references` lists {column, to, field}: the column of the
    model, and the relation and field that must hold its values; all of one type. Null and `except` (SQL),
    if given, point to nothing on purpose.
-#}
{% test refers_to(model, references, except=none) %}

    {% for reference in references %}
        select
            '{{ reference.column }}' as column_name,
            child.{{ reference.column }} as unknown_key
        from {{ model }} as child
        left join {{ reference.to }} as parent
            on child.{{ reference.column }} = parent.{{ reference.field }}
        where
            parent.{{ reference.field }} is null
            and child.{{ reference.column }} is not null
            {%- if except is not none %}
            and child.{{ reference.column }} != {{ except }}
            {%- endif %}
        {{ 'union all' if not loop.last }}
    {% endfor %}

{% endtest %}
