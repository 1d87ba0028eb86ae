{#- Where the first version of a dimension member starts. -#}
{% macro start_of_time() -%}
    datetime '{{ var("start_of_time") }}'
{%- endmacro %}

{#- Where the current version of a dimension member ends: the last moment BigQuery knows. -#}
{% macro end_of_time() -%}
    datetime '9999-12-31 23:59:59.999999'
{%- endmacro %}

{#-
    Condition: the version `dimension` is the one in force at the moment `moment` (a DATETIME).
    Left-open and right-closed: an edit at the very end of a version still belongs to it. The unknown member, the
    only row of no batch, is left out: the source may have a member whose number is 0, too.
-#}
{% macro valid_at(dimension, moment) -%}
    {{ dimension }}.valid_from < {{ moment }} and {{ moment }} <= {{ dimension }}.valid_to
    and {{ dimension }}.lineage_key is distinct from 0
{%- endmacro %}

{#- Where the unknown member starts: the first day of the business. -#}
{% macro start_of_data() -%}
    datetime '{{ var("start_of_data") }}'
{%- endmacro %}
