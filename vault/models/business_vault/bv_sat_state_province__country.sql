{%- set place = ['country_name', 'continent', 'region', 'subregion'] -%}
with countries_of_states as (
    {{ relationships('state_province_country', 'state_province_hk', ['country_hk']) }}
),

state_provinces as (
    {{ validity_ranges('countries_of_states', 'state_province_hk', ['country_hk']) }}
),

countries as (
    {{ validity_ranges(ref('sat_country__details'), 'country_hk', place) }}
)

{{ parent_history('state_provinces', 'state_province_hk', 'countries', 'country_hk', place) }}
