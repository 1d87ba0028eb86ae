{%- set number = "special_deal_id" %}
{{ config(materialized="incremental", partition_by=ranges_of(number), cluster_by=["load_dts"]) }}

{{ pit('special_deal', {
    'details': 'sat_special_deal__details',
    'scope': 'eff_sat_special_deal',
    'status': 'sat_special_deal__status',
}, number) }}
