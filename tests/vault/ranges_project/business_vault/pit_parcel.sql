{%- set number = "parcel_id" %}
{{ config(materialized="incremental", partition_by=ranges_of(number)) }}

{{ pit('parcel', {'state': 'sat_parcel__state', 'depot': 'eff_sat_parcel_depot'}, number) }}
