{%- set number = "invoice_id" %}
{{ config(materialized="incremental", partition_by=key_ranges(number), cluster_by=["load_dts"]) }}

{{ bridge_rows('invoice', 'invoice_order', number, {
    'customer': 'customer',
    'bill_to_customer': 'customer',
    'salesperson_person': 'person',
}) }}
