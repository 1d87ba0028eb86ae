{%- set number = "stock_item_id" %}
{{ config(materialized="incremental", partition_by=key_ranges(number), cluster_by=["load_dts"]) }}

{{ point_in_time('stock_item', {
    'details': 'sat_stock_item__details',
    'pricing': 'sat_stock_item__pricing',
    'supplier': 'eff_sat_stock_item_supplier',
    'status': 'sat_stock_item__status',
}, number) }}
