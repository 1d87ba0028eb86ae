{#- Depots as far as they are told: one that a parcel in state b names is known to its hub by another parcel only. -#}
select
    depot_hk,
    depot_id,
    load_dts,
    record_source
from {{ ref('stg_wwi__parcels') }}
where depot_id is not null and state != 'b'
