{%- set number = "purchase_order_id" %}
{{ config(materialized="incremental", partition_by=key_ranges(number), cluster_by=["load_dts"]) }}

{{ point_in_time('purchase_order', {
    'details': 'sat_purchase_order__details',
    'progress': 'sat_purchase_order__progress',
    'personal': 'sat_purchase_order__personal',
    'supplier': 'eff_sat_purchase_order',
    'status': 'sat_purchase_order__status',
}, number) }}
