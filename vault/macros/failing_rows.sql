{#-
    What every generic test of this project selects: one row per failure with `row_key`, `column_name`, `value` and
    `expected`, all text. Python copies the first ones to `test_failures` in the ledger (warehouse/ledger/test_failures.py).
-#}

{#- A key or value as text; hash keys are BYTES. -#}
{% macro as_text(column) -%}
    {{ 'to_hex(' ~ column ~ ')' if column.rstrip('`').endswith('_hk') else 'cast(' ~ column ~ ' as string)' }}
{%- endmacro %}

{#- Condition: a row of this mart is true at the source now. Dimensions keep closed versions, facts do not. -#}
{% macro is_current(model) -%}
    not is_deleted
    {%- if model.identifier.startswith('dim_') %} and valid_to = {{ end_of_time() }}{% endif %}
{%- endmacro %}

{#- Array of column_name, value, expected and is_met, for each condition of `values`: see the test plausible. -#}
{% macro judgements_of(values) -%}
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
