{#- The depots of the parcels; another parcel alone brings the depot of a parcel in state b to the hub. -#}
select
    depot_hk,
    depot_id,
    load_dts,
    record_source
from {{ ref('stg_wwi__parcels') }}
where depot_id is not null and state != 'b'
