{%- set number = "customer_transaction_id" %}
{%- set growing = {"invoice": "invoice"} %}
{{ config(
    materialized="incremental",
    partition_by=key_ranges(number),
    cluster_by=["load_dts"],
    meta={"growing": growing},
) }}

{{ bridge_rows('customer_transaction', 'customer_transaction', number, {
    'customer': 'customer',
    'invoice': 'invoice',
}, growing) }}
