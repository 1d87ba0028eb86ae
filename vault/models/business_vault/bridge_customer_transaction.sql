{%- set number = "customer_transaction_id" %}
{%- set growing = {"invoice": "invoice"} %}
{{ config(
    materialized="incremental",
    partition_by=ranges_of(number),
    cluster_by=["load_dts"],
    meta={"growing": growing},
) }}

{{ bridge('customer_transaction', 'customer_transaction', number, {
    'customer': 'customer',
    'invoice': 'invoice',
}, growing) }}
