{{ config(materialized="view") }}

with

staged as (
    {{ automate_dv.stage(
        source_model={"wwi_raw": "test__things"},
        derived_columns={
            "is_deleted": "change_type = 'delete'",
            "thing_text": encode_key([["region", "text"], ["code", "text"]]),
            "status_text": encode([["change_type", "text"]]),
        },
        hashed_columns={
            "thing_hk": "thing_text",
            "sat_thing__status_hashdiff": "status_text",
        },
    ) }}
)

select
    thing_hk,
    sat_thing__status_hashdiff,
    is_deleted,
    load_dts,
    record_source
from staged
where load_dts in ({{ pending_load_dts() }})
