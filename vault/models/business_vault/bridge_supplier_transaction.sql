{%- set number = "supplier_transaction_id" %}
{%- set growing = {"purchase_order": "purchase_order"} %}
{{ config(
    materialized="incremental",
    partition_by=ranges_of(number),
    cluster_by=["load_dts"],
    meta={"growing": growing},
) }}

{{ bridge('supplier_transaction', 'supplier_transaction', number, {
    'supplier': 'supplier',
    'purchase_order': 'purchase_order',
}, growing) }}
