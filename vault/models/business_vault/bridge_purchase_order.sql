{%- set number = "purchase_order_id" %}
{{ config(materialized="incremental", partition_by=key_ranges(number), cluster_by=["load_dts"]) }}

{{ bridge_rows('purchase_order', 'purchase_order', number, {
    'supplier': 'supplier',
}) }}
