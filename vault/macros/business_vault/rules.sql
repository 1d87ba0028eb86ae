{#-
    part / whole to two decimals, numeric(31, 2), rounded half away from zero; null when `whole` is 0.

    Counted in whole hundredths: one engine divides decimals as binary fractions, which would lose a half.
    Both must be exact numbers with 2 decimals at most, and not plain INT64, for which `/` is binary everywhere.
-#}
{% macro ratio(part, whole) -%}
    cast(
        sign({{ part }}) * sign({{ whole }})
        * floor((200 * abs({{ part }}) + abs({{ whole }})) / (2 * abs(nullif({{ whole }}, 0))))
        * numeric '0.01' as numeric(31, 2)
    )
{%- endmacro %}

{#- How much of `whole` is `part`, in percent with two decimals; see ratio. -#}
{% macro percent(part, whole) -%}
    {{ ratio('(100 * ' ~ part ~ ')', whole) }}
{%- endmacro %}

{#-
    The day by which an entry of a ledger is to be paid: its date and the party's payment days
    (business_rules, section 19, correction 9; the original generator ignores the terms). Null where BigQuery has
    no such day: after the year 9999 or before the year 1.
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
    Join condition: the row of `satellite` that was in force in a row of a point-in-time table, `pit`.
    `name` is the satellite's short name there.
-#}
{% macro in_force(pit, satellite, key, name) -%}
    {{ pit }}.{{ key }} = {{ satellite }}.{{ key }}
    and {{ pit }}.{{ name }}_load_dts = {{ satellite }}.load_dts
{%- endmacro %}
