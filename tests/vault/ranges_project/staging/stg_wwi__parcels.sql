with

staged as (
    {{ automate_dv.stage(
        source_model={"wwi_raw": "test__parcels"},
        derived_columns={
            "parcel_text": encode_key([["parcel_id", "integer"]]),
            "depot_text": encode([["depot_id", "integer"]]),
            "link_text": encode([["parcel_id", "integer"], ["depot_id", "integer"]]),
            "state_text": encode([["state", "text"]]),
        },
        hashed_columns={
            "parcel_hk": "parcel_text",
            "depot_hk": "depot_text",
            "link_parcel_depot_hk": "link_text",
            "sat_parcel__state_hashdiff": "state_text",
            "eff_sat_parcel_depot_hashdiff": "link_text",
        },
    ) }}
)

select
    parcel_hk,
    depot_hk,
    link_parcel_depot_hk,
    sat_parcel__state_hashdiff,
    eff_sat_parcel_depot_hashdiff,
    parcel_id,
    depot_id,
    state,
    load_dts,
    record_source
from staged
where load_dts in ({{ pending_load_dts() }})
