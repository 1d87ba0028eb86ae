{#-
    What the local engine cannot do like BigQuery: the one file of the vault that may ask which of the two
    it runs on. docs/architecture.md lists each difference by the name that stands behind `engine:` here.
-#}

{#-
    engine: contract
    The column list of `create table (...) as select` that dbt writes for an enforced contract. The
    emulator cannot read it, so locally it is left out; names and types are compared with the query's
    before either way, and the data tests look for nulls.
-#}
{% macro bigquery__get_table_columns_and_constraints() -%}
    {%- if target.name != 'local' -%}
        {{ default__get_table_columns_and_constraints() }}
    {%- endif -%}
{%- endmacro %}
