{#-
    The only business vault model that reads the ledger.

    A version must have a positive duration, but two batches may have the same applied_dts. `valid_from` is
    therefore the running maximum of applied_dts, made strictly increasing by a microsecond per batch: valid_from(n) = max(applied_dts(n), valid_from(n - 1) + 1 microsecond).
-#}
with completed as (
    select
        batch_id,
        load_dts,
        applied_dts,
        row_number() over (order by load_dts) as batch_number
    from {{ source('wwi_audit', 'batches') }}
    where status = 'completed'
),

ahead as (
    select
        *,
        max(datetime_sub(applied_dts, interval batch_number microsecond)) over (
            order by load_dts rows between unbounded preceding and current row
        ) as latest_start
    from completed
)

select
    load_dts,
    batch_id,
    applied_dts,
    datetime_add(latest_start, interval batch_number microsecond) as valid_from
from ahead
