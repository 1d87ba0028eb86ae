{#-
    Selects versions of a type 2 dimension with gaps or overlaps: the first must start at the start of time, each
    must have a positive duration and end where the next starts, and the last, the only current one, must end at the
    end of time. The unknown member 0 always has one version.
-#}
{% test versions_touch(model, key, member) %}

    with chain as (
        select
            {{ member }},
            valid_from,
            valid_to,
            lag(valid_to, 1, {{ start_of_time() }}) over (
                partition by {{ member }} order by valid_from
            ) as end_of_previous,
            lead(valid_from, 1, {{ end_of_time() }}) over (
                partition by {{ member }} order by valid_from
            ) as start_of_next
        from {{ model }}
        where {{ key }} != 0
    )

    select
        {{ as_text(member) }} as row_key,
        'valid_from, valid_to' as column_name,
        {{ as_text('valid_from') }} || ', ' || {{ as_text('valid_to') }} as value,
        'to begin where the version before ends' as expected
    from chain
    where
        valid_from != end_of_previous
        or valid_to != start_of_next
        or valid_from >= valid_to

{% endtest %}
