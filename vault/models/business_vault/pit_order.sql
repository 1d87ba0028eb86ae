{%- set number = "order_id" %}
{{ config(materialized="incremental", partition_by=ranges_of(number), cluster_by=["load_dts"]) }}

{{ pit('order', {
    'details': 'sat_order__details',
    'progress': 'sat_order__progress',
    'personal': 'sat_order__personal',
    'customer': 'eff_sat_order_customer',
    'status': 'sat_order__status',
}, number) }}
