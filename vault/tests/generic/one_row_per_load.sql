{#- Selects every key with two rows of one load in the model or in one of `others`. -#}
{% test one_row_per_load(model, key, others=[]) %}

    {% for relation in [model] + others %}
        select
            {{ as_text(key) }} as row_key,
            '{{ relation.identifier }}.{{ key }}' as column_name,
            cast(count(*) as string) || ' rows of ' || cast(load_dts as string) as value,
            'one row per load' as expected
        from {{ relation }}
        group by {{ key }}, load_dts
        having count(*) > 1
        {{ 'union all' if not loop.last }}
    {% endfor %}

{% endtest %}
