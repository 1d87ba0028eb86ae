{#-
    All columns of a source table, then the derived columns, then the hashed columns.

    source_model: {source name: table}.
    derived_columns: {column: SQL expression over the source columns, or `!text` for a constant}.
    hashed_columns: {column: the text column to hash}, or for a hashdiff
    {column: {is_hashdiff: true, columns: [the text column]}}.

    A hash is the MD5 of the trimmed text as BYTES, and NULL for a NULL or empty text: AutomateDV's rule for one
    column with this project's settings.
-#}
{% macro stage(source_model, derived_columns={}, hashed_columns={}) -%}
    {%- set source_name, table = (source_model.items() | list)[0] -%}
with source_rows as (
    select
        {{ (['*'] + automate_dv.derived(derived_columns)) | join(',\n        ') }}
    from {{ source(source_name, table) }}
)

select
    {{ (['*'] + automate_dv.hashed(hashed_columns)) | join(',\n    ') }}
from source_rows
{%- endmacro %}

{% macro derived(derived_columns) -%}
    {%- set found = [] -%}
    {%- for name, expression in derived_columns.items() -%}
        {%- set value = "'" ~ expression[1:] ~ "'" if expression[0] == '!' else expression -%}
        {%- do found.append(value ~ ' as ' ~ name) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{% macro hashed(hashed_columns) -%}
    {%- set found = [] -%}
    {%- for name, text in hashed_columns.items() -%}
        {%- set texts = text['columns'] if text is mapping else [text] -%}
        {%- if texts is string or texts | length != 1 -%}
            {{ exceptions.raise_compiler_error(
                "stage: '" ~ name ~ "' must hash exactly one text column. Create it with encode()."
            ) }}
        {%- endif -%}
        {%- do found.append("md5(nullif(trim(" ~ texts[0] ~ "), '')) as " ~ name) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}
