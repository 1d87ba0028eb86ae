{%- set number = "order_line_id" %}
{{ config(materialized="incremental", partition_by=key_ranges(number), cluster_by=["load_dts"]) }}

{{ point_in_time('order_line', {
    'details': 'sat_order_line__details',
    'progress': 'sat_order_line__progress',
    'order': 'eff_sat_order_line',
    'status': 'sat_order_line__status',
}, number) }}
