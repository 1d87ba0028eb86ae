{#-
    A column is given as its name, or as {source_column: name in the stage, alias: name in the vault}:
    how to read it from the stage, and what it is called in the vault.
-#}

{% macro staged(column) -%}
    {%- if column is mapping -%}
        {{ return(column.source_column ~ ' as ' ~ column.alias) }}
    {%- endif -%}
    {{ return(column) }}
{%- endmacro %}

{% macro named(column) -%}
    {{ return(column.alias if column is mapping else column) }}
{%- endmacro %}

{#- Flattens columns and lists of columns into one list. -#}
{% macro flat(columns) -%}
    {%- set found = [] -%}
    {%- for column in columns -%}
        {%- if column is string or column is mapping -%}
            {%- do found.append(column) -%}
        {%- else -%}
            {%- do found.extend(column) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}
