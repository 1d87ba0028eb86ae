{%- set number = "invoice_line_id" %}
{{ config(materialized="incremental", partition_by=ranges_of(number), cluster_by=["load_dts"]) }}

{{ pit('invoice_line', {
    'details': 'sat_invoice_line__details',
    'invoice': 'eff_sat_invoice_line',
    'status': 'sat_invoice_line__status',
}, number) }}
