{%- set number = "invoice_line_id" %}
{{ config(
    materialized="incremental",
    partition_by=key_ranges(number),
    cluster_by=["load_dts"],
    meta={"growing": {"invoice": "invoice"}},
) }}

{{ bridge_rows('invoice_line', 'invoice_line', number, {
    'invoice': 'invoice',
    'stock_item': 'stock_item',
}) }}
