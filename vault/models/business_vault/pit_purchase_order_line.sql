{%- set number = "purchase_order_line_id" %}
{{ config(materialized="incremental", partition_by=ranges_of(number), cluster_by=["load_dts"]) }}

{{ pit('purchase_order_line', {
    'details': 'sat_purchase_order_line__details',
    'progress': 'sat_purchase_order_line__progress',
    'purchase_order': 'eff_sat_purchase_order_line',
    'status': 'sat_purchase_order_line__status',
}, number) }}
