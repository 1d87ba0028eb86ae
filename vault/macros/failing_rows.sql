{#-
    Every generic test of this project selects one row per failure with `row_key`, `column_name`, `value` and
    `expected`, all text. Python copies the first rows to the ledger table `test_failures`
    (warehouse/ledger/test_failures.py).
-#}

{#- Converts a key or value to text; hash keys (BYTES) to hexadecimal. -#}
{% macro as_text(column) -%}
    {{ 'to_hex(' ~ column ~ ')' if column.rstrip('`').endswith('_hk') else 'cast(' ~ column ~ ' as string)' }}
{%- endmacro %}

{#- Condition: a row of this mart is current. Dimensions have closed versions, facts do not. -#}
{% macro is_current(model) -%}
    not is_deleted
    {%- if model.identifier.startswith('dim_') %} and valid_to = {{ end_of_time() }}{% endif %}
{%- endmacro %}

{#- Array of structs with column_name, value, expected and is_met, one per condition of `values`: see test plausible. -#}
{% macro conditions_as_structs(values) -%}
    {%- set structs = [] -%}
    {%- for column, ends in values.items() -%}
        {%- for end in ([ends] if ends is string else ends) -%}
            {%- set condition = column ~ ' ' ~ end -%}
            {%- do structs.append(
                "struct('" ~ column ~ "' as column_name, " ~ as_text(column) ~ " as value, '"
                ~ dbt.escape_single_quotes(condition) ~ "' as expected, " ~ condition ~ " as is_met)"
            ) -%}
        {%- endfor -%}
    {%- endfor -%}
    [{{ structs | join(', ') }}]
{%- endmacro %}
