with readings as (
    {{ latest(ref('sat_cold_room_temperature__details'), 'cold_room_temperature_hk') }}
),

reading_status as (
    {{ latest(ref('sat_cold_room_temperature__status'), 'cold_room_temperature_hk') }}
),

known as (
    select
        hub.cold_room_temperature_id,
        readings.cold_room_sensor_number,
        readings.recorded_when,
        readings.temperature,
        coalesce(status.is_deleted, false) as is_deleted,
        greatest(readings.load_dts, status.load_dts) as load_dts
    from {{ ref('hub_cold_room_temperature') }} as hub
    inner join readings
        on hub.cold_room_temperature_hk = readings.cold_room_temperature_hk
    inner join reading_status as status
        on hub.cold_room_temperature_hk = status.cold_room_temperature_hk
)

select
    known.cold_room_temperature_id as cold_room_temperature_key,
    cast(known.recorded_when as date) as date_key,
    known.cold_room_sensor_number,
    known.recorded_when,
    cast(known.temperature as numeric(10, 2)) as temperature,
    known.is_deleted,
    batch.batch_id as lineage_key
from known
left join {{ ref('bv_batch') }} as batch
    on known.load_dts = batch.load_dts
