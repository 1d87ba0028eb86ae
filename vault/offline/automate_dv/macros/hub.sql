{#-
    New business keys, each with its first load time. Rows without a hash key are skipped.
-#}
{% macro hub(src_pk, src_nk, src_ldts, src_source, source_model) -%}
    {%- set required = [src_pk] -%}
    {{ automate_dv.new_keys(src_pk, src_nk, src_ldts, src_source, source_model, required) }}
{%- endmacro %}
