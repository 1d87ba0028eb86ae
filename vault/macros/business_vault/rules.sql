{#-
    part / whole to two decimals, numeric(31, 2), rounded half away from zero; null when `whole` is 0.

    It is computed in integer hundredths, since one engine divides decimals as binary fractions, which would round
    halves wrongly. Both must be NUMERIC with at most 2 decimals, not INT64, for which `/` is always binary.
-#}
{% macro ratio(part, whole) -%}
    cast(
        sign({{ part }}) * sign({{ whole }})
        * floor((200 * abs({{ part }}) + abs({{ whole }})) / (2 * abs(nullif({{ whole }}, 0))))
        * numeric '0.01' as numeric(31, 2)
    )
{%- endmacro %}

{#- `part` as a percentage of `whole`, with two decimals; see ratio. -#}
{% macro percent(part, whole) -%}
    {{ ratio('(100 * ' ~ part ~ ')', whole) }}
{%- endmacro %}

{#-
    Due date of a ledger entry: its date plus the party's payment days (business_rules, section 19, correction 9; the
    original generator ignores them). Null if the date is outside of BigQuery's range, the years 1 to 9999.
-#}
{% macro due_date(transaction_date, payment_days) -%}
    case
        when
            {{ payment_days }} between date_diff(date '0001-01-01', {{ transaction_date }}, day)
            and date_diff(date '9999-12-31', {{ transaction_date }}, day)
            then date_add({{ transaction_date }}, interval {{ payment_days }} day)
    end
{%- endmacro %}

{#-
    Join condition: the row of `satellite` that a row of a point-in-time table, `pit`, refers to.
    `name`: short name of the satellite in that table.
-#}
{% macro in_force(pit, satellite, key, name) -%}
    {{ pit }}.{{ key }} = {{ satellite }}.{{ key }}
    and {{ pit }}.{{ name }}_load_dts = {{ satellite }}.load_dts
{%- endmacro %}
