{#-
    Lossless text of several values, the only thing the vault ever hashes. Rules, reasons and test
    vectors: docs/hashing.md. A part is `<length in bytes>:<text>,` and a NULL part is `~,`.
    `columns` is a list of [name, kind]; kinds are those of encoded_value.

    `format` glues, as it hands NULL on wherever it runs and stays flat: a long chain of `||` is
    nested as deep as it is long, and analysers give up on it or take seconds.
-#}

{#- The text of all columns, in the order given; never NULL. -#}
{% macro encode(columns) -%}
    {%- set parts = [] -%}
    {%- for name, kind in columns -%}
        {%- do parts.append("coalesce(" ~ encoded_value(name, kind) ~ ", '~,')") -%}
    {%- endfor -%}
    {{ glued(parts) }}
{%- endmacro %}

{#- The text of a business key: NULL as soon as one part is NULL, so that no hub takes the row. -#}
{% macro encode_key(columns) -%}
    {%- set parts = [] -%}
    {%- for name, kind in columns -%}
        {%- do parts.append(encoded_value(name, kind)) -%}
    {%- endfor -%}
    {{ glued(parts) }}
{%- endmacro %}

{% macro glued(parts) -%}
    {%- if parts | length == 1 -%}
        {{ return(parts[0]) }}
    {%- endif -%}
    {%- set places = "'" ~ "%s" * parts | length ~ "'" -%}
    {{ return("format(\n    " ~ ([places] + parts) | join(",\n    ") ~ "\n)") }}
{%- endmacro %}

{#-
    One value's part; NULL for NULL. One spelling per value, the same on every engine:
    numbers without trailing zeros; floats with the 17 digits that give the same float back;
    times with six digits of a second; bytes in lower-case hex. The length of a time never varies.
    A date is cast, for `%Y` is not padded to four digits everywhere.
-#}
{% macro encoded_value(name, kind) -%}
    {%- if kind == 'text' -%}
        {%- set text = name -%}
    {%- elif kind in ('integer', 'boolean') -%}
        {%- set text = "cast(" ~ name ~ " as string)" -%}
    {%- elif kind == 'numeric' -%}
        {#- a backslash is written twice in Jinja -#}
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
            "encode: column '" ~ name ~ "' is of kind '" ~ kind ~ "', which has no text. Use text, "
            ~ "integer, numeric, float, boolean, date, datetime, timestamp, time or bytes."
        ) }}
    {%- endif -%}
    {#- all but text is ASCII: characters are bytes, and length costs less than byte_length -#}
    {%- set length = 'byte_length' if kind == 'text' else 'length' -%}
    {{ return("format('%d:%s,', " ~ length ~ "(" ~ text ~ "), " ~ text ~ ")") }}
{%- endmacro %}

{% macro date_and_time(name) -%}
    {%- set time = "format_datetime('T%H:%M:%E6S', " ~ name ~ ")" -%}
    {{ return("cast(date(" ~ name ~ ") as string), " ~ time) }}
{%- endmacro %}
