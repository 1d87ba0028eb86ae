{%- set number = "purchase_order_id" %}
{{ config(materialized="incremental", partition_by=ranges_of(number), cluster_by=["load_dts"]) }}

{{ bridge('purchase_order', 'purchase_order', number, {
    'supplier': 'supplier',
}) }}
