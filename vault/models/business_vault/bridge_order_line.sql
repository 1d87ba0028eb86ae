{%- set number = "order_line_id" %}
{{ config(
    materialized="incremental",
    partition_by=key_ranges(number),
    cluster_by=["load_dts"],
    meta={"growing": {"order": "order"}},
) }}

{{ bridge_rows('order_line', 'order_line', number, {
    'order': 'order',
    'stock_item': 'stock_item',
}) }}
