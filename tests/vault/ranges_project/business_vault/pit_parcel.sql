{%- set number = "parcel_id" %}
{{ config(materialized="incremental", partition_by=key_ranges(number)) }}

{{ point_in_time('parcel', {'state': 'sat_parcel__state', 'depot': 'eff_sat_parcel_depot'}, number) }}
