{#-
    New relationships, each with its first load time. Rows without the hash key of the link or of a hub are
    skipped.
-#}
{% macro link(src_pk, src_fk, src_ldts, src_source, source_model, src_extra_columns=[]) -%}
    {%- set required = automate_dv.flat([src_pk, src_fk]) -%}
    {%- set payload = automate_dv.flat([src_fk, src_extra_columns]) -%}
    {{ automate_dv.new_keys(src_pk, payload, src_ldts, src_source, source_model, required) }}
{%- endmacro %}

{#- Shared by hub and link: the first row of each key that is not in the table. -#}
{% macro new_keys(key, payload, src_ldts, src_source, source_model, required) -%}
    {%- set columns = automate_dv.flat([key, payload, src_ldts, src_source]) -%}
    {%- set stages = [source_model] if source_model is string else source_model -%}
with first_delivered as (
    select
    {%- for column in columns %}
        {{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
    from (
    {%- for stage in stages %}
        select
        {%- for column in columns %}
            {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
        from {{ ref(stage) }}
        where
        {%- for column in required %}
            {{ 'and ' if not loop.first }}{{ column }} is not null
        {%- endfor %}
        {{- ' union all' if not loop.last }}
    {%- endfor %}
    )
    where true
    qualify row_number() over (partition by {{ key }} order by {{ src_ldts }}, {{ src_source }}) = 1
)

select
    {%- for column in columns %}
    first_delivered.{{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
from first_delivered
    {%- if is_incremental() %}
left join {{ this }} as known on first_delivered.{{ key }} = known.{{ key }}
where known.{{ key }} is null
    {%- endif %}
{%- endmacro %}
