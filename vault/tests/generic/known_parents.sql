{#-
    Warns about references to rows that were never loaded from the source, which may not enforce foreign keys. It
    checks rows of a link that are effective and not deleted; for an event, its latest state.

    `key`: hash key in `status`, the status satellite, and in `effectivity` or, for an event, `details`. `number`:
    source key of the row. `references` and `except`: as in `refers_to`.
-#}
{% test known_parents(
    model, key, number, references, status, effectivity=none, details=none, except=none
) %}

    {{ config(severity='warn') }}
    {%- set row_key = model.identifier ~ '_hk' if effectivity else key %}

    with newest_status as (
        {{ latest(status, key) }}
    ),

    newest as (
        {{ latest(effectivity or details, key) }}
    ),

    living as (
        select {{ 'link' if effectivity else 'newest' }}.*
        from {{ model }} as link
        inner join newest_status
            on link.{{ key }} = newest_status.{{ key }}
        inner join newest
            on link.{{ row_key }} = newest.{{ row_key }}
        where not newest_status.is_deleted
    )

    {% for reference in references %}
        select
            {{ as_text('child.' ~ adapter.quote(number)) }} as row_key,
            '{{ reference.column }}' as column_name,
            {{ as_text('child.' ~ adapter.quote(reference.column)) }} as value,
            'in {{ reference.to.identifier }}' as expected
        from living as child
        left join {{ reference.to }} as parent
            on child.{{ adapter.quote(reference.column) }} = parent.{{ adapter.quote(reference.field) }}
        where
            parent.{{ adapter.quote(reference.field) }} is null
            and child.{{ adapter.quote(reference.column) }} is not null
            {%- if except is not none %}
            and child.{{ adapter.quote(reference.column) }} != {{ except }}
            {%- endif %}
        {{ 'union all' if not loop.last }}
    {% endfor %}

{% endtest %}
