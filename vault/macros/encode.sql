{#-
    Lossless text encoding of several values, the input of every hash. Rules, reasons and test vectors:
    docs/hashing.md. A part is `<length in bytes>:<text>,`; a NULL part is `~,`.
    `columns` is a list of [name, kind]; kinds are those of encoded_value.

    The parts are concatenated with `format`, which returns NULL for a NULL argument on every engine. A long chain
    of `||` is nested as deep as it is long, and SQL analysers reject it or take seconds.
-#}

{#- Encodes all columns, in the order given; never NULL. -#}
{% macro encode(columns) -%}
    {%- set parts = [] -%}
    {%- for name, kind in columns -%}
        {%- do parts.append("coalesce(" ~ encoded_value(name, kind) ~ ", '~,')") -%}
    {%- endfor -%}
    {{ concatenated(parts) }}
{%- endmacro %}

{#- Encodes a business key: NULL if one part is NULL, so that hubs skip the row. -#}
{% macro encode_key(columns) -%}
    {%- set parts = [] -%}
    {%- for name, kind in columns -%}
        {%- do parts.append(encoded_value(name, kind)) -%}
    {%- endfor -%}
    {{ concatenated(parts) }}
{%- endmacro %}

{% macro concatenated(parts) -%}
    {%- if parts | length == 1 -%}
        {{ return(parts[0]) }}
    {%- endif -%}
    {%- set places = "'" ~ "%s" * parts | length ~ "'" -%}
    {{ return("format(\n    " ~ ([places] + parts) | join(",\n    ") ~ "\n)") }}
{%- endmacro %}

{#-
    Encodes one value; NULL for NULL. Each value has one spelling, the same everywhere. Numbers have no trailing
    zeros; floats have 17 digits, which restore the same float; times have six digits of a second; bytes are hex.
    Dates are cast, since not every engine pads `%Y` to four digits.
-#}
{% macro encoded_value(name, kind) -%}
    {%- if kind == 'text' -%}
        {%- set text = name -%}
    {%- elif kind in ('integer', 'boolean') -%}
        {%- set text = "cast(" ~ name ~ " as string)" -%}
    {%- elif kind == 'numeric' -%}
        {#- Jinja needs a backslash twice -#}
        {%- set zeros = "r'\\.0*$|(\\.\\d*?[1-9])0+$', r'\\1'" -%}
        {%- set text = "regexp_replace(cast(" ~ name ~ " as string), " ~ zeros ~ ")" -%}
    {%- elif kind == 'float' -%}
        {%- set text = "format('%.17g', " ~ name ~ ")" -%}
    {%- elif kind == 'bytes' -%}
        {%- set text = "to_hex(" ~ name ~ ")" -%}
    {%- elif kind == 'date' -%}
        {{ return("format('10:%s,', cast(" ~ name ~ " as string))") }}
    {%- elif kind == 'time' -%}
        {{ return("format('15:%s,', format_time('%H:%M:%E6S', " ~ name ~ "))") }}
    {%- elif kind == 'datetime' -%}
        {{ return("format('26:%s%s,', " ~ date_and_time(name) ~ ")") }}
    {%- elif kind == 'timestamp' -%}
        {{ return("format('27:%s%sZ,', " ~ date_and_time("datetime(" ~ name ~ ", 'UTC')") ~ ")") }}
    {%- else -%}
        {{ exceptions.raise_compiler_error(
            "encode: column '" ~ name ~ "' has the unknown kind '" ~ kind ~ "'. Use text, "
            ~ "integer, numeric, float, boolean, date, datetime, timestamp, time or bytes."
        ) }}
    {%- endif -%}
    {#- all kinds but text are ASCII, where length equals byte_length and is faster -#}
    {%- set length = 'byte_length' if kind == 'text' else 'length' -%}
    {{ return("format('%d:%s,', " ~ length ~ "(" ~ text ~ "), " ~ text ~ ")") }}
{%- endmacro %}

{% macro date_and_time(name) -%}
    {%- set time = "format_datetime('T%H:%M:%E6S', " ~ name ~ ")" -%}
    {{ return("cast(date(" ~ name ~ ") as string), " ~ time) }}
{%- endmacro %}
