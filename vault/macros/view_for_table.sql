{#-
    A model that became a view takes the place of its table without `--full-refresh`, which the adapter asks
    for: only what any build makes again is ever replaced so, for what keeps history is no view.
-#}
{% macro bigquery__handle_existing_table(full_refresh, old_relation) -%}
    {%- do adapter.drop_relation(old_relation) -%}
{%- endmacro %}
