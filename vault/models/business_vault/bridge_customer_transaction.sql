{%- set number = "customer_transaction_id" %}
{{ config(
    materialized="incremental",
    partition_by=key_ranges(number),
    cluster_by=["load_dts"],
    meta={"growing": {"invoice": "invoice"}},
) }}

{{ bridge_rows('customer_transaction', 'customer_transaction', number, {
    'customer': 'customer',
    'invoice': 'invoice',
}) }}
