{#-
    The business keys that the hub does not hold yet, each with the first load that brought it.
    Rows without a hash key are left out.
-#}
{% macro hub(src_pk, src_nk, src_ldts, src_source, source_model) -%}
    {%- set required = [src_pk] -%}
    {{ automate_dv.new_keys(src_pk, src_nk, src_ldts, src_source, source_model, required) }}
{%- endmacro %}
