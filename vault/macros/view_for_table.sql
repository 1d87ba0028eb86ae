{#-
    Replaces a table with a view without `--full-refresh`, which the adapter would require. This is safe: tables with
    history are never views, and any other table is rebuilt by every build.
-#}
{% macro bigquery__handle_existing_table(full_refresh, old_relation) -%}
    {%- do adapter.drop_relation(old_relation) -%}
{%- endmacro %}
