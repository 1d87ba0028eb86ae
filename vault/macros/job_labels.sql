{#-
    The labels of dbt's jobs, as JSON: the query comment, which dbt-bigquery turns into job labels and
    brings into their form. The same names as in warehouse/labels.py, so that one query adds up what a
    step costs, whoever sent the job. dbt adds its invocation id by itself.
-#}
{% macro job_labels(node) -%}
    {%- set labels = {'app': 'wwi', 'step': 'build'} -%}
    {%- if node -%}
        {%- do labels.update(node=node.name, node_id=node.unique_id) -%}
    {%- endif -%}
    {{ return(tojson(labels)) }}
{%- endmacro %}
