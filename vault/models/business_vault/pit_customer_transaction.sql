{%- set number = "customer_transaction_id" %}
{{ config(materialized="incremental", partition_by=key_ranges(number), cluster_by=["load_dts"]) }}

{{ point_in_time('customer_transaction', {
    'details': 'sat_customer_transaction__details',
    'settlement': 'sat_customer_transaction__settlement',
    'customer': 'eff_sat_customer_transaction',
    'status': 'sat_customer_transaction__status',
}, number) }}
