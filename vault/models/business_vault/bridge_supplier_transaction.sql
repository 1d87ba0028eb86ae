{%- set number = "supplier_transaction_id" %}
{%- set growing = {"purchase_order": "purchase_order"} %}
{{ config(
    materialized="incremental",
    partition_by=key_ranges(number),
    cluster_by=["load_dts"],
    meta={"growing": growing},
) }}

{{ bridge_rows('supplier_transaction', 'supplier_transaction', number, {
    'supplier': 'supplier',
    'purchase_order': 'purchase_order',
}, growing) }}
