with

staged as (
    {{ automate_dv.stage(
        source_model={"raw": "test__codes"},
        hashed_columns={
            "code_hk": ["region", "code"],
            "code_hashdiff": {"is_hashdiff": true, "columns": ["name", "note"]},
        },
    ) }}
)

select * from staged
where change_type = 'upsert' and {{ pending() }}
