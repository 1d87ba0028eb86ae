{%- set number = "supplier_transaction_id" %}
{{ config(
    materialized="incremental",
    partition_by=key_ranges(number),
    cluster_by=["load_dts"],
    meta={"growing": {"purchase_order": "purchase_order"}},
) }}

{{ bridge_rows('supplier_transaction', 'supplier_transaction', number, {
    'supplier': 'supplier',
    'purchase_order': 'purchase_order',
}) }}
