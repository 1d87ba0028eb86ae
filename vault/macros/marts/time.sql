{#- Start of the first version of a dimension member. -#}
{% macro start_of_time() -%}
    datetime '{{ var("start_of_time") }}'
{%- endmacro %}

{#- End of the current version of a dimension member: the latest DATETIME of BigQuery. -#}
{% macro end_of_time() -%}
    datetime '9999-12-31 23:59:59.999999'
{%- endmacro %}

{#-
    Condition: the version `dimension` is in force at `as_of` (a DATETIME). Left-open and right-closed: an edit at the
    exact end of a version belongs to it. The unknown member, the only row without a batch, is excluded, since the
    source may also have a member with number 0.
-#}
{% macro valid_at(dimension, as_of) -%}
    {{ dimension }}.valid_from < {{ as_of }} and {{ as_of }} <= {{ dimension }}.valid_to
    and {{ dimension }}.lineage_key is distinct from 0
{%- endmacro %}

{#- Start of the unknown member: the first day of the business. -#}
{% macro start_of_data() -%}
    datetime '{{ var("start_of_data") }}'
{%- endmacro %}
