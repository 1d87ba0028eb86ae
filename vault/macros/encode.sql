{#-
    Lossless text of several values, the only thing the vault ever hashes. Rules, reasons and test
    vectors: docs/hashing.md. A part is `<length in bytes>:<text>,` and a NULL part is `~,`.
    `columns` is a list of [name, kind]; kinds are those of canonical_text.
-#}

{#-
    The text of all columns, in the order given; never NULL. One flat concat: a chain of `||` nests one
    level per column, too deep for Google's analyzer where a satellite is wide.
-#}
{% macro encode(columns) -%}
    concat(
        {%- for name, kind in columns %}
        coalesce({{ netstring(canonical_text(name, kind)) }}, '~,'){{ ',' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}

{#- The text of a business key: NULL as soon as one part is NULL, so that no hub takes the row. -#}
{% macro encode_key(columns) -%}
    {%- for name, kind in columns %}
    {{ netstring(canonical_text(name, kind)) }}
        {%- if not loop.last %} ||{% endif %}
    {%- endfor %}
{%- endmacro %}

{#- One part; NULL for a NULL value, since `||` hands NULL on. -#}
{% macro netstring(text) -%}
    cast(byte_length({{ text }}) as string) || ':' || {{ text }} || ','
{%- endmacro %}

{#-
    One spelling per value, the same on every engine:
    numbers without trailing zeros; floats with the 17 digits that give the same float back;
    times with six digits of a second; bytes in lower-case hex.
    A DATE is cast, for `%Y` is not padded to four digits everywhere.
-#}
{% macro canonical_text(name, kind) -%}
    {%- if kind == 'text' -%}
        {{ name }}
    {%- elif kind in ('integer', 'boolean', 'date') -%}
        cast({{ name }} as string)
    {%- elif kind == 'numeric' -%}
        regexp_replace(cast({{ name }} as string), r'\.0*$|(\.\d*?[1-9])0+$', r'\1')
    {%- elif kind == 'float' -%}
        format('%.17g', {{ name }})
    {%- elif kind == 'datetime' -%}
        cast(date({{ name }}) as string) || format_datetime('T%H:%M:%E6S', {{ name }})
    {%- elif kind == 'timestamp' -%}
        cast(date({{ name }}, 'UTC') as string) || format_timestamp('T%H:%M:%E6SZ', {{ name }}, 'UTC')
    {%- elif kind == 'bytes' -%}
        to_hex({{ name }})
    {%- else -%}
        {{ exceptions.raise_compiler_error(
            "encode: column '" ~ name ~ "' is of kind '" ~ kind ~ "', which has no canonical text. Use "
            ~ "text, integer, numeric, float, boolean, date, datetime, timestamp or bytes."
        ) }}
    {%- endif -%}
{%- endmacro %}
