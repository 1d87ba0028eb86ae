{%- set unknown = {
    'city': "'Unknown'",
    'state_province': "'N/A'",
    'country': "'N/A'",
    'continent': "'N/A'",
    'sales_territory': "'N/A'",
    'region': "'N/A'",
    'subregion': "'N/A'",
    'latest_recorded_population': "0",
} -%}
with states as (
    select
        hub.city_id as wwi_city_id,
        coalesce(details.city_name, 'N/A') as city,
        coalesce(state_province.state_province_name, 'N/A') as state_province,
        coalesce(country.country_name, 'N/A') as country,
        coalesce(country.continent, 'N/A') as continent,
        coalesce(state_province.sales_territory, 'N/A') as sales_territory,
        coalesce(country.region, 'N/A') as region,
        coalesce(country.subregion, 'N/A') as subregion,
        coalesce(population.latest_recorded_population, 0) as latest_recorded_population,
        coalesce(status.is_deleted, false) as is_deleted,
        pit.load_dts
    from {{ ref('pit_city') }} as pit
    inner join {{ ref('hub_city') }} as hub
        on pit.city_hk = hub.city_hk
    inner join {{ ref('sat_city__details') }} as details
        on
            pit.city_hk = details.city_hk
            and pit.details_load_dts = details.load_dts
    left join {{ ref('sat_city__population') }} as population
        on
            pit.city_hk = population.city_hk
            and pit.population_load_dts = population.load_dts
    left join {{ ref('bv_sat_city__state_province') }} as state_province
        on
            pit.city_hk = state_province.city_hk
            and pit.state_province_load_dts = state_province.load_dts
    left join {{ ref('bv_sat_city__country') }} as country
        on
            pit.city_hk = country.city_hk
            and pit.country_load_dts = country.load_dts
    left join {{ ref('sat_city__status') }} as status
        on
            pit.city_hk = status.city_hk
            and pit.status_load_dts = status.load_dts
),

dimension as (
    -- the Postgres port of the source has no geography columns
    {{ type_2('states', 'city', unknown, {'location': "cast(null as geography)"}) }}
)

select *
from dimension
