{#-
    Masked personal column under its own name: a text keeps its first letter, other types become null. 'Unknown' and
    'N/A' stay readable, and so do rows for which `readable` (SQL condition) is true.
-#}
{% macro masked(column, data_type='string', readable='false') -%}
    {%- if data_type == 'string' -%}
    case
        when {{ column }} in ('Unknown', 'N/A') or {{ readable }} then {{ column }}
        else substr({{ column }}, 1, 1) || '***'
    end as {{ column }}
    {%- else -%}
    cast(null as {{ data_type }}) as {{ column }}
    {%- endif -%}
{%- endmacro %}
