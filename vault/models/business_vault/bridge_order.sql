{%- set number = "order_id" %}
{{ config(
    materialized="incremental",
    partition_by=key_ranges(number),
    cluster_by=["load_dts"],
    meta={"growing": {"order": "backorder_order"}},
) }}

{{ bridge_rows('order', 'order_customer', number, {
    'customer': 'customer',
    'salesperson_person': 'person',
    'picked_by_person': 'person',
    'backorder_order': 'order',
}) }}
