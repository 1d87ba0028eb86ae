{#-
    What dbt writes of the columns after it made a table: their descriptions and, where the settings name
    the policy tag of personal data, that tag on every column whose meta says so. A column that says nothing
    loses its tag, so the table follows the YAML in both directions.
-#}
{% macro bigquery__alter_column_comment(relation, column_dict) -%}
    {%- do adapter.update_columns(relation, with_policy_tags(column_dict)) -%}
{%- endmacro %}

{#- The columns of a model, each with its policy tags. -#}
{% macro with_policy_tags(columns) -%}
    {%- set tag = env_var('WWI_PERSONAL_POLICY_TAG', '') -%}
    {%- set tagged = {} -%}
    {%- for name, column in columns.items() -%}
        {%- set personal = column.get('meta', {}).get('sensitivity') == 'personal' -%}
        {%- do tagged.update({name: dict(column, policy_tags=[tag] if tag and personal else [])}) -%}
    {%- endfor -%}
    {{ return(tagged) }}
{%- endmacro %}
