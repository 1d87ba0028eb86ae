{%- set number = "supplier_transaction_id" %}
{{ config(materialized="incremental", partition_by=key_ranges(number), cluster_by=["load_dts"]) }}

{{ point_in_time('supplier_transaction', {
    'details': 'sat_supplier_transaction__details',
    'settlement': 'sat_supplier_transaction__settlement',
    'supplier': 'eff_sat_supplier_transaction',
    'status': 'sat_supplier_transaction__status',
}, number) }}
