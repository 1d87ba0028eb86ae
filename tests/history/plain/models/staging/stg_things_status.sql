with

staged as (
    {{ automate_dv.stage(
        source_model={"raw": "test__things"},
        derived_columns={"is_deleted": "change_type = 'delete'"},
        hashed_columns={
            "thing_hk": ["region", "code"],
            "status_hashdiff": {"is_hashdiff": true, "columns": ["is_deleted"]},
        },
    ) }}
)

select * from staged
where {{ pending() }}
