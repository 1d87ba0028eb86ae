with

staged as (
    {{ automate_dv.stage(
        source_model={"raw": "test__assignments"},
        derived_columns={
            "effective_from": "load_dts",
            "start_date": "load_dts",
            "end_date": "timestamp '9999-12-31 23:59:59.999999+00:00'",
        },
        hashed_columns={
            "assignment_hk": ["region", "code"],
            "place_code_hk": "place_code",
            "owner_code_hk": "owner_code",
            "link_assignment_hk": ["region", "code", "place_code", "owner_code"],
        },
    ) }}
)

select * from staged
where change_type = 'upsert' and {{ pending() }}
