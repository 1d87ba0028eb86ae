{#-
    Warns about values that are valid but probably wrong. `values` maps a column to the end of a condition, such as
    `>= 0`, or to a list of them; null passes all conditions but `is not null`. Only current rows are checked: closed
    versions and deleted rows cannot be corrected.
-#}
{% test plausible(model, key, values) %} -- noqa: LT02

    {{ config(severity='warn') }}

    with judged as (
        select
            {{ as_text(key) }} as row_key,
            {{ conditions_as_structs(values) }} as judgements
        from {{ model }}
        where {{ is_current(model) }}
    )

    select
        judged.row_key,
        judgement.column_name,
        judgement.value,
        judgement.expected
    from judged
    cross join unnest(judged.judgements) as judgement
    where not judgement.is_met

{% endtest %}
