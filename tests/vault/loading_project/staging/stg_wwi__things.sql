with

staged as (
    {{ automate_dv.stage(
        source_model={"wwi_raw": "test__things"},
        derived_columns={
            "thing_text": encode_key([["region", "text"], ["code", "text"]]),
            "place_text": encode([["place_id", "integer"]]),
            "link_text": encode([["region", "text"], ["code", "text"], ["place_id", "integer"]]),
            "details_text": encode([
                ["name", "text"], ["note", "text"], ["amount", "numeric"], ["seen", "datetime"],
                ["photo", "bytes"], ["is_active", "boolean"],
            ]),
        },
        hashed_columns={
            "thing_hk": "thing_text",
            "place_hk": "place_text",
            "link_thing_place_hk": "link_text",
            "sat_thing__details_hashdiff": "details_text",
            "eff_sat_thing_place_hashdiff": "link_text",
        },
    ) }}
)

select
    thing_hk,
    place_hk,
    link_thing_place_hk,
    sat_thing__details_hashdiff,
    eff_sat_thing_place_hashdiff,
    region,
    code,
    name,
    note,
    amount,
    seen,
    photo,
    is_active,
    load_dts,
    record_source
from staged
where
    change_type = 'upsert'
    and load_dts in ({{ pending_load_dts() }})
