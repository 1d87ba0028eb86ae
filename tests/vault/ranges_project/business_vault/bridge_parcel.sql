{%- set number = "parcel_id" %}
{{ config(materialized="incremental", partition_by=ranges_of(number)) }}

{{ bridge('parcel', 'parcel_depot', number, {'depot': 'depot'}, {'depot': 'depot'}) }}
