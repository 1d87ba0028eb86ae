{#- Fails with every key of which the model, or one of `others`, has two rows of one load. -#}
{% test one_row_per_load(model, key, others=[]) %}

    {% for relation in [model] + others %}
        select
            '{{ relation.identifier }}' as relation,
            {{ key }} as hash_key,
            load_dts
        from {{ relation }}
        group by {{ key }}, load_dts
        having count(*) > 1
        {{ 'union all' if not loop.last }}
    {% endfor %}

{% endtest %}
