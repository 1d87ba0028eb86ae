{%- set number = "invoice_id" %}
{{ config(materialized="incremental", partition_by=ranges_of(number), cluster_by=["load_dts"]) }}

{{ bridge('invoice', 'invoice_order', number, {
    'customer': 'customer',
    'bill_to_customer': 'customer',
    'salesperson_person': 'person',
}) }}
