{%- set number = "order_id" %}
{%- set growing = {"order": "backorder_order"} %}
{{ config(
    materialized="incremental",
    partition_by=key_ranges(number),
    cluster_by=["load_dts"],
    meta={"growing": growing},
) }}

{{ bridge_rows('order', 'order_customer', number, {
    'customer': 'customer',
    'salesperson_person': 'person',
    'picked_by_person': 'person',
    'backorder_order': 'order',
}, growing) }}
