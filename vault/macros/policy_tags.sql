{#-
    Writes column descriptions and, if WWI_PERSONAL_POLICY_TAG is set, this policy tag on every column with
    `meta.sensitivity: personal`. Other columns lose the tag, so the table always matches the YAML.
-#}
{% macro bigquery__alter_column_comment(relation, column_dict) -%}
    {%- do adapter.update_columns(relation, with_policy_tags(column_dict)) -%}
{%- endmacro %}

{#- Returns the columns of a model, each with its policy tags. -#}
{% macro with_policy_tags(columns) -%}
    {%- set tag = env_var('WWI_PERSONAL_POLICY_TAG', '') -%}
    {%- set tagged = {} -%}
    {%- for name, column in columns.items() -%}
        {%- set personal = column.get('meta', {}).get('sensitivity') == 'personal' -%}
        {%- do tagged.update({name: dict(column, policy_tags=[tag] if tag and personal else [])}) -%}
    {%- endfor -%}
    {{ return(tagged) }}
{%- endmacro %}
