{%- set number = "special_deal_id" %}
{{ config(materialized="incremental", partition_by=key_ranges(number), cluster_by=["load_dts"]) }}

{{ point_in_time('special_deal', {
    'details': 'sat_special_deal__details',
    'scope': 'eff_sat_special_deal',
    'status': 'sat_special_deal__status',
}, number) }}
