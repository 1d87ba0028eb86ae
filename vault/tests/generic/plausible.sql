{#-
    Warns of values that the source may hold but that are probably wrong. `values` maps a column to the end of a
    condition that it should meet, such as `>= 0`, or to several; a null passes all but `is not null`. Only what
    is true now is judged: neither closed versions nor deleted rows, which nobody can correct.
-#}
{% test plausible(model, key, values) %} -- noqa: LT02

    {{ config(severity='warn') }}

    with judged as (
        select
            {{ as_text(key) }} as row_key,
            {{ judgements_of(values) }} as judgements
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
