{#-
    Query comment as JSON, which dbt-bigquery converts to job labels. The names are those of warehouse/labels.py,
    so that one query can sum the cost of a step over all jobs. dbt adds its invocation id.
-#}
{% macro job_labels(node) -%}
    {%- set labels = {'app': 'wwi', 'step': 'build'} -%}
    {%- if node -%}
        {%- do labels.update(node=node.name, node_id=node.unique_id) -%}
    {%- endif -%}
    {{ return(tojson(labels)) }}
{%- endmacro %}
