{#- Separate from pit_stock_item, so that stock movements add no versions to dim_stock_item. -#}
{%- set number = "stock_item_id" %}
{{ config(materialized="incremental", partition_by=key_ranges(number), cluster_by=["load_dts"]) }}

{{ point_in_time('stock_item', {
    'holding': 'sat_stock_item__holding',
    'reordering': 'sat_stock_item__reordering',
    'details': 'sat_stock_item__details',
    'holding_status': 'sat_stock_item__holding_status',
    'status': 'sat_stock_item__status',
}, number) }}
