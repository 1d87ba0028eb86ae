{#-
    Money of a line, numeric(31, 2), rounded half away from zero.

    This is the maximum precision of NUMERIC with two decimals; any integer times any numeric(18, 2) of the source
    fits.
-#}
{% macro line_amount(quantity, unit_price) -%}
    cast(round({{ quantity }} * cast({{ unit_price }} as numeric), 2) as numeric(31, 2))
{%- endmacro %}

{#-
    Tax of a line, numeric(31, 2), rounded half away from zero. `tax_rate` is a percentage: 15 means 15 %.

    Null for a rate of 100,000 % or more, since the amount may not fit NUMERIC. The rate is multiplied by 0.01,
    which is exact; a division could lose half a cent.
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
    Unique key of an entry of one of two ledgers. They share a sequence but no constraint enforces it, so the sign,
    1 or -1, makes keys distinct. Numbers of 0 or less, which the source allows, are shifted to avoid collisions.
-#}
{% macro ledger_key(number, sign) -%}
    {{ sign }} * if({{ number }} > 0, {{ number }}, {{ 2 ** 32 }} - {{ number }})
{%- endmacro %}
