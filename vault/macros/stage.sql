{#-
    AutomateDV's stage lists the columns of its source by their bare names, and quotes only those that it finds in
    backticks in the SQL of a derived column. So it is shown all names that could be words of SQL, in a comment:
    those of letters only. Also a column that raw has and the metadata do not, or no longer.
-#}
{% macro bigquery__stage(
    include_source_columns, source_model, hashed_columns, derived_columns, null_columns, ranked_columns
) -%}
    {%- set shown = {} -%}
    {%- if execute -%}
        {%- set source_name, table = (source_model.items() | list)[0] -%}
        {%- set names = [] -%}
        {%- for name in automate_dv.source_columns(source(source_name, table)) if name.isalpha() -%}
            {%- do names.append('`' ~ name ~ '`') -%}
        {%- endfor -%}
        {%- for column, expression in derived_columns.items() -%}
            {%- set hint = ' /* ' ~ names | join(' ') ~ ' */' if loop.first and names else '' -%}
            {%- do shown.update({column: expression ~ hint}) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(automate_dv.default__stage(
        include_source_columns, source_model, hashed_columns, shown or derived_columns, null_columns,
        ranked_columns
    )) }}
{%- endmacro %}
