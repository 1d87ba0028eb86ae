{#- Dataset of a model: <prefix>_<folder below models/>; for other nodes <prefix>. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- set layer = custom_schema_name -%}
    {%- if not layer and node.resource_type == 'model' and node.fqn | length > 2 -%}
        {%- set layer = node.fqn[1] -%}
    {%- endif -%}
    {{ target.schema ~ ('_' ~ layer | trim if layer else '') }}
{%- endmacro %}
