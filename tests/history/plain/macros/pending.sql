{#- Return the loads that the vault has not loaded yet; with --full-refresh all of them. -#}
{% macro pending() -%}
    load_dts in (
        select load_dts from {{ target.schema }}_audit.batches
        where status = 'completed'
        {%- if not flags.FULL_REFRESH %}
            and batch_id not in (select batch_id from {{ target.schema }}_audit.vault_loads)
        {%- endif %}
    )
{%- endmacro %}
