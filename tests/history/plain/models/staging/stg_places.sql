with

staged as (
    {{ automate_dv.stage(
        source_model={"raw": "test__places"},
        hashed_columns={
            "place_code_hk": "place_code",
        },
    ) }}
)

select * from staged
where change_type = 'upsert' and {{ pending() }}
