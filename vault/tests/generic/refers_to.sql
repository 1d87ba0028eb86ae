{#-
    Selects keys without a matching row. `references` lists {column, to, field}: the column of the model, and the
    relation and field that must contain its values; all of one type. Null and `except` (SQL) are valid. `key`: key of
    the model. `only_current`: skip rows of a mart that were deleted in the source.
-#}
{% test refers_to(model, key, references, except=none, only_current=false) %}

    {% for reference in references %}
        select
            {{ as_text('child.' ~ adapter.quote(key)) }} as row_key,
            '{{ reference.column }}' as column_name,
            {{ as_text('child.' ~ reference.column) }} as value,
            'in {{ reference.to.identifier }}' as expected
        from {{ model }} as child
        left join {{ reference.to }} as parent
            on child.{{ reference.column }} = parent.{{ reference.field }}
        where
            parent.{{ reference.field }} is null
            and child.{{ reference.column }} is not null
            {%- if except is not none %}
            and child.{{ reference.column }} != {{ except }}
            {%- endif %}
            {%- if only_current %}
            and {{ is_current(model) }}
            {%- endif %}
        {{ 'union all' if not loop.last }}
    {% endfor %}

{% endtest %}
