{#-
    Makes AutomateDV's stage quote columns named like reserved words. It quotes a source column only if the name
    occurs in backticks in the SQL of a derived column. So a comment with all names that consist of letters only is
    added to the first derived column, including columns that exist in raw but not in the metadata.
-#}
{% macro bigquery__stage(
    include_source_columns, source_model, hashed_columns, derived_columns, null_columns, ranked_columns
) -%}
    {%- set derived = {} -%}
    {%- if execute -%}
        {%- set source_name, table = (source_model.items() | list)[0] -%}
        {%- set names = [] -%}
        {%- for name in automate_dv.source_columns(source(source_name, table)) if name.isalpha() -%}
            {%- do names.append('`' ~ name ~ '`') -%}
        {%- endfor -%}
        {%- for column, expression in derived_columns.items() -%}
            {%- set hint = ' /* ' ~ names | join(' ') ~ ' */' if loop.first and names else '' -%}
            {%- do derived.update({column: expression ~ hint}) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(automate_dv.default__stage(
        include_source_columns, source_model, hashed_columns, derived or derived_columns, null_columns,
        ranked_columns
    )) }}
{%- endmacro %}
