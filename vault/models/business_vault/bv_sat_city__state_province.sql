{%- set place = ['state_province_name', 'sales_territory'] -%}
with states_of_cities as (
    {{ relationships('city_state_province', 'city_hk', ['state_province_hk']) }}
),

cities as (
    {{ validity_ranges('states_of_cities', 'city_hk', ['state_province_hk']) }}
),

state_provinces as (
    {{ validity_ranges(ref('sat_state_province__details'), 'state_province_hk', place) }}
)

{{ parent_history('cities', 'city_hk', 'state_provinces', 'state_province_hk', place) }}
