with

staged as (
    {{ automate_dv.stage(
        source_model={"raw": "test__visits"},
        hashed_columns={
            "visit_hk": ["region", "code"],
            "place_code_hk": "place_code",
        },
    ) }}
)

select * from staged
where change_type = 'upsert' and {{ pending() }}
