{%- set number = "supplier_transaction_id" %}
{{ config(materialized="incremental", partition_by=ranges_of(number), cluster_by=["load_dts"]) }}

{{ pit('supplier_transaction', {
    'details': 'sat_supplier_transaction__details',
    'settlement': 'sat_supplier_transaction__settlement',
    'supplier': 'eff_sat_supplier_transaction',
    'status': 'sat_supplier_transaction__status',
}, number) }}
