{%- set number = "person_id" %}
{{ config(materialized="incremental", partition_by=key_ranges(number), cluster_by=["load_dts"]) }}

{{ point_in_time('person', {
    'details': 'sat_person__details',
    'personal': 'sat_person__personal',
    'logon': 'sat_person__logon',
    'status': 'sat_person__status',
}, number) }}
