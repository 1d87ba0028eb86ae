{%- set place = ['country_name', 'continent', 'region', 'subregion'] -%}
with countries_of_states as (
    {{ relationships('state_province_country', 'state_province_hk', ['country_hk']) }}
),

state_provinces as (
    {{ spans('countries_of_states', 'state_province_hk', ['country_hk']) }}
),

countries as (
    {{ spans(ref('sat_country__details'), 'country_hk', place) }}
)

{{ seen_from('state_provinces', 'state_province_hk', 'countries', 'country_hk', place) }}
