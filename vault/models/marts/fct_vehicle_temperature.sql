with readings_now as (
    {{ latest(ref('sat_vehicle_temperature__details'), 'vehicle_temperature_hk') }}
),

reading_status as (
    {{ latest(ref('sat_vehicle_temperature__status'), 'vehicle_temperature_hk') }}
),

readings as (
    select
        details.vehicle_temperature_id,
        details.vehicle_registration,
        details.chiller_sensor_number,
        details.recorded_when,
        details.temperature,
        coalesce(status.is_deleted, false) as is_deleted,
        greatest(details.load_dts, status.load_dts) as load_dts
    from readings_now as details
    inner join reading_status as status
        on details.vehicle_temperature_hk = status.vehicle_temperature_hk
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
