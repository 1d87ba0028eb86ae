{#-
    Writes descriptions and policy tags only if they differ from the table's. dbt's own macro writes both after every
    load, in five calls; here an incremental load needs one call to compare. Only top-level columns are supported;
    the project has no nested ones.
-#}
{% macro bigquery__persist_docs(relation, model, for_relation, for_columns) -%}
    {%- if not has_descriptions() -%} {{ return('') }} {%- endif -%}
    {%- set table = adapter.get_bq_table(relation) -%}
    {%- if for_relation and config.persist_relation_docs() and model.description
        and table.description != model.description -%}
        {%- do alter_relation_comment(relation, model.description) -%}
    {%- endif -%}
    {%- if for_columns and config.persist_column_docs() and column_docs_differ(table, model.columns) -%}
        {%- do alter_column_comment(relation, model.columns) -%}
    {%- endif -%}
{%- endmacro %}

{#- Returns whether a column's description or policy tags in the table differ from the model's. -#}
{% macro column_docs_differ(table, columns) -%}
    {%- set expected = with_policy_tags(columns) -%}
    {%- set differing = [] -%}
    {%- for field in table.schema if field.name in expected -%}
        {%- set column = expected[field.name] -%}
        {%- set tags = field.policy_tags.names | list if field.policy_tags else [] -%}
        {%- if (field.description or '') != column.description or tags != column.policy_tags -%}
            {%- do differing.append(field.name) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(differing | length > 0) }}
{%- endmacro %}
