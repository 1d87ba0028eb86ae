{#-
    Descriptions and policy tags, written only where the table says something else. dbt's own macro writes both
    after every load, in five calls; here a load that merges into a table asks once and writes nothing. Columns
    are those of the top level, the project has no others.
-#}
{% macro bigquery__persist_docs(relation, model, for_relation, for_columns) -%}
    {%- if not descriptions_are_read() -%} {{ return('') }} {%- endif -%}
    {%- set held = adapter.get_bq_table(relation) -%}
    {%- if for_relation and config.persist_relation_docs() and model.description
        and held.description != model.description -%}
        {%- do alter_relation_comment(relation, model.description) -%}
    {%- endif -%}
    {%- if for_columns and config.persist_column_docs() and columns_say_otherwise(held, model.columns) -%}
        {%- do alter_column_comment(relation, model.columns) -%}
    {%- endif -%}
{%- endmacro %}

{#- Whether a column of the table has another description or other policy tags than the model gives it. -#}
{% macro columns_say_otherwise(held, columns) -%}
    {%- set wanted = with_policy_tags(columns) -%}
    {%- set other = [] -%}
    {%- for field in held.schema if field.name in wanted -%}
        {%- set column = wanted[field.name] -%}
        {%- set tags = field.policy_tags.names | list if field.policy_tags else [] -%}
        {%- if (field.description or '') != column.description or tags != column.policy_tags -%}
            {%- do other.append(field.name) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(other | length > 0) }}
{%- endmacro %}
