{%- set number = "order_id" %}
{{ config(materialized="incremental", partition_by=key_ranges(number), cluster_by=["load_dts"]) }}

{{ point_in_time('order', {
    'details': 'sat_order__details',
    'progress': 'sat_order__progress',
    'personal': 'sat_order__personal',
    'customer': 'eff_sat_order_customer',
    'status': 'sat_order__status',
}, number) }}
