{%- set number = "invoice_id" %}
{{ config(materialized="incremental", partition_by=key_ranges(number), cluster_by=["load_dts"]) }}

{{ point_in_time('invoice', {
    'details': 'sat_invoice__details',
    'delivery': 'sat_invoice__delivery',
    'personal': 'sat_invoice__personal',
    'order': 'eff_sat_invoice_order',
    'status': 'sat_invoice__status',
}, number) }}
