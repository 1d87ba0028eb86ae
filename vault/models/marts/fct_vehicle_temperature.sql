with reading_status as (
    {{ latest(ref('sat_vehicle_temperature__status'), 'vehicle_temperature_hk') }}
),

readings as (
    select
        link.vehicle_temperature_id,
        vehicle.vehicle_registration,
        chiller_sensor.chiller_sensor_number,
        link.recorded_when,
        link.temperature,
        coalesce(status.is_deleted, false) as is_deleted,
        greatest(link.load_dts, status.load_dts) as load_dts
    from {{ ref('nh_link_vehicle_temperature') }} as link
    inner join reading_status as status
        on link.vehicle_temperature_hk = status.vehicle_temperature_hk
    left join {{ ref('hub_vehicle') }} as vehicle
        on link.vehicle_hk = vehicle.vehicle_hk
    left join {{ ref('hub_chiller_sensor') }} as chiller_sensor
        on link.chiller_sensor_hk = chiller_sensor.chiller_sensor_hk
)

select
    readings.vehicle_temperature_id as vehicle_temperature_key,
    cast(readings.recorded_when as date) as date_key,
    readings.vehicle_registration,
    readings.chiller_sensor_number,
    readings.recorded_when,
    cast(readings.temperature as numeric(10, 2)) as temperature,
    readings.is_deleted,
    batch.batch_id as lineage_key
from readings
left join {{ ref('bv_batch') }} as batch
    on readings.load_dts = batch.load_dts
