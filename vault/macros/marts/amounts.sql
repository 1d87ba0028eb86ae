{#-
    Money of a line, numeric(31, 2), rounded half away from zero.

    It is as wide as NUMERIC with two decimals goes: an integer times a numeric(18, 2), both as large as the source
    stores them, fits.
-#}
{% macro line_amount(quantity, unit_price) -%}
    cast(round({{ quantity }} * cast({{ unit_price }} as numeric), 2) as numeric(31, 2))
{%- endmacro %}

{#-
    Tax of a line, numeric(31, 2), rounded half away from zero. `tax_rate` is a percentage: 15 means 15 %.

    A rate of 100,000 % or more gives null, for the amount may not fit NUMERIC. The rate is multiplied by 0.01,
    which is exact; a division could lose the half cent.
-#}
{% macro line_tax(quantity, unit_price, tax_rate) -%}
    case
        when abs({{ tax_rate }}) < 100000 then cast(
            round({{ quantity }} * cast({{ unit_price }} as numeric) * ({{ tax_rate }} * numeric '0.01'), 2)
            as numeric(31, 2)
        )
    end
{%- endmacro %}

{#-
    Key of an entry of one of two ledgers, which share a sequence by habit, not by constraint: the sign, 1 or -1,
    keeps them apart. Numbers from 0 down, which the source allows, are moved out of the way of the others.
-#}
{% macro ledger_key(number, sign) -%}
    {{ sign }} * if({{ number }} > 0, {{ number }}, {{ 2 ** 32 }} - {{ number }})
{%- endmacro %}
