with

staged as (
    {{ automate_dv.stage(
        source_model={"raw": "test__phones"},
        hashed_columns={
            "group_hk": ["region", "code"],
            "phones_hashdiff": {"is_hashdiff": true, "columns": ["line", "name", "note"]},
        },
    ) }}
)

select * from staged
where change_type = 'upsert' and {{ pending() }}
