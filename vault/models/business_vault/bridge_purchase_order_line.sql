{%- set number = "purchase_order_line_id" %}
{{ config(
    materialized="incremental",
    partition_by=key_ranges(number),
    cluster_by=["load_dts"],
    meta={"growing": {"purchase_order": "purchase_order"}},
) }}

{{ bridge_rows('purchase_order_line', 'purchase_order_line', number, {
    'purchase_order': 'purchase_order',
    'stock_item': 'stock_item',
}) }}
