{#-
    Money of a line, numeric(18, 2), rounded half away from zero.

    The price is widened before it is multiplied: an engine may give the product no more digits than the
    factors have. The tax is rounded to whole cents first and then made money by times 0.01, which is
    exact everywhere; a division may pass through a binary fraction and lose the half cent.
-#}
{% macro line_amount(quantity, unit_price) -%}
    cast(round({{ quantity }} * cast({{ unit_price }} as numeric(29, 2)), 2) as numeric(18, 2))
{%- endmacro %}

{#- `tax_rate` is a percentage: 15 means 15 %, so price x rate is in cents. -#}
{% macro line_tax(quantity, unit_price, tax_rate) -%}
    cast(
        round({{ quantity }} * cast({{ unit_price }} as numeric(29, 2)) * {{ tax_rate }}, 0)
        * numeric '0.01' as numeric(18, 2)
    )
{%- endmacro %}

{#-
    Key of an entry of one of two ledgers, which share a sequence by habit, not by constraint: the sign, 1 or -1,
    keeps them apart. Numbers from 0 down, which the source allows, are moved out of the way of the others.
-#}
{% macro ledger_key(number, sign) -%}
    {{ sign }} * if({{ number }} > 0, {{ number }}, {{ 2 ** 32 }} - {{ number }})
{%- endmacro %}
