{%- set place = ['country_name', 'continent', 'region', 'subregion'] -%}
with states_of_cities as (
    {{ relationships('city_state_province', 'city_hk', ['state_province_hk']) }}
),

cities as (
    {{ spans('states_of_cities', 'city_hk', ['state_province_hk']) }}
),

state_provinces as (
    {{ spans(ref('bv_sat_state_province__country'), 'state_province_hk', place) }}
)

{{ seen_from('cities', 'city_hk', 'state_provinces', 'state_province_hk', place) }}
