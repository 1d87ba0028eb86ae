{#-
    The events that the link does not hold yet, each with its payload. A row that comes again is left out
    when it is the same, and when it differs: an event never changes. Rows without a key are left out.
-#}
{% macro nh_link(src_pk, src_fk, src_eff, src_ldts, src_source, source_model, src_payload=[]) -%}
    {%- set columns = automate_dv.flat([src_pk, src_fk, src_payload, src_eff, src_ldts, src_source]) -%}
with delivered as (
    select distinct
    {%- for column in columns %}
        {{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
    from {{ ref(source_model) }}
    where
    {%- for column in automate_dv.flat([src_pk, src_fk]) %}
        {{ 'and ' if not loop.first }}{{ column }} is not null
    {%- endfor %}
)

select
    {%- for column in columns %}
    delivered.{{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
from delivered
    {%- if is_incremental() %}
left join {{ this }} as known on delivered.{{ src_pk }} = known.{{ src_pk }}
where known.{{ src_pk }} is null
    {%- endif %}
{%- endmacro %}
