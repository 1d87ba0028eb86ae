{#-
    A personal column as everybody may see it, under its own name: of a text the first letter, of a picture
    nothing. What says that there is no person stays, and so does what `readable` (SQL) says is no person's.
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
