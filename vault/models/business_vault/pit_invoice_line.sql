{%- set number = "invoice_line_id" %}
{{ config(materialized="incremental", partition_by=key_ranges(number), cluster_by=["load_dts"]) }}

{{ point_in_time('invoice_line', {
    'details': 'sat_invoice_line__details',
    'invoice': 'eff_sat_invoice_line',
    'status': 'sat_invoice_line__status',
}, number) }}
