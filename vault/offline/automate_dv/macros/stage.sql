{#-
    Every column of a source table, then the derived ones, then the hashed ones.

    source_model: {source name: table}.
    derived_columns: {column: SQL expression over the source columns, or `!text` for a constant}.
    hashed_columns: {column: the text column to hash}, or for a hashdiff
    {column: {is_hashdiff: true, columns: [the text column]}}.

    A hash is MD5 as BYTES of the trimmed text, NULL for a NULL or empty one: AutomateDV's rule for one
    column under this project's settings.
-#}
{% macro stage(source_model, derived_columns={}, hashed_columns={}) -%}
    {%- set source_name, table = (source_model.items() | list)[0] -%}
    {%- set source_relation = source(source_name, table) -%}
    {%- set source_columns = adapter.get_columns_in_relation(source_relation) | map(attribute='name')
        | reject('in', derived_columns) | reject('in', hashed_columns) | list if execute else [] %}
with source_rows as (
    select
        {{ automate_dv.derived(source_columns, derived_columns) | join(',\n        ') }}
    from {{ source_relation }}
)

select
    {{ automate_dv.hashed(source_columns + (derived_columns | list), hashed_columns) | join(',\n    ') }}
from source_rows
{%- endmacro %}

{% macro derived(source_columns, derived_columns) -%}
    {%- set found = source_columns | list -%}
    {%- for name, expression in derived_columns.items() -%}
        {%- set value = "'" ~ expression[1:] ~ "'" if expression[0] == '!' else expression -%}
        {%- do found.append(value ~ ' as ' ~ name) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{% macro hashed(columns, hashed_columns) -%}
    {%- set found = columns | list -%}
    {%- for name, text in hashed_columns.items() -%}
        {%- set texts = text['columns'] if text is mapping else [text] -%}
        {%- if texts is string or texts | length != 1 -%}
            {{ exceptions.raise_compiler_error(
                "stage: '" ~ name ~ "' must hash exactly one text column: make it with encode()."
            ) }}
        {%- endif -%}
        {%- do found.append("md5(nullif(trim(" ~ texts[0] ~ "), '')) as " ~ name) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}
