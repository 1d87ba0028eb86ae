with

staged as (
    {{ automate_dv.stage(
        source_model={"raw": "test__things"},
        derived_columns={"photo_hex": "to_hex(photo)"},
        hashed_columns={
            "thing_hk": ["region", "code"],
            "details_hashdiff": {"is_hashdiff": true, "columns": ["name", "note", "amount", "seen", "photo_hex", "is_active"]},
        },
    ) }}
)

select * from staged
where change_type = 'upsert' and {{ pending() }}
