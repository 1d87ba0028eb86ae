{%- set place = ['country_name', 'continent', 'region', 'subregion'] -%}
with states_of_cities as (
    {{ relationships('city_state_province', 'city_hk', ['state_province_hk']) }}
),

cities as (
    {{ validity_ranges('states_of_cities', 'city_hk', ['state_province_hk']) }}
),

state_provinces as (
    {{ validity_ranges(ref('bv_sat_state_province__country'), 'state_province_hk', place) }}
)

{{ parent_history('cities', 'city_hk', 'state_provinces', 'state_province_hk', place) }}
