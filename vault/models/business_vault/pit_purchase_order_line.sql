{%- set number = "purchase_order_line_id" %}
{{ config(materialized="incremental", partition_by=key_ranges(number), cluster_by=["load_dts"]) }}

{{ point_in_time('purchase_order_line', {
    'details': 'sat_purchase_order_line__details',
    'progress': 'sat_purchase_order_line__progress',
    'purchase_order': 'eff_sat_purchase_order_line',
    'status': 'sat_purchase_order_line__status',
}, number) }}
