{#-
    Snapshot control: the days that have a snapshot, and their batches. The result depends only on the batches, not on
    where or when it is built.
-#}
with days as (
    select
        date(valid_from) as snapshot_date,
        load_dts,
        batch_id
    from {{ ref('bv_batch') }}
    where true -- GoogleSQL requires a where with qualify
    -- with several batches on a day, the last one is its end-of-day state
    qualify max(load_dts) over (partition by date(valid_from)) = load_dts
),

-- weeks, months and years as numbers, to count back
periods as (
    select
        snapshot_date,
        load_dts,
        batch_id,
        date_sub(
            snapshot_date, interval mod(extract(dayofweek from snapshot_date) + 5, 7) day
        ) as monday,
        extract(year from snapshot_date) * 12 + extract(month from snapshot_date) as month_number,
        extract(year from snapshot_date) as year_number
    from days
),

newest as (
    select
        max(snapshot_date) as snapshot_date,
        max(monday) as monday,
        max(month_number) as month_number,
        max(year_number) as year_number
    from periods
),

aged as (
    select
        periods.*,
        date_diff(newest.snapshot_date, periods.snapshot_date, day) as days_ago,
        date_diff(newest.monday, periods.monday, day) as days_between_weeks,
        newest.month_number - periods.month_number as months_ago,
        newest.year_number - periods.year_number as years_ago
    from periods
    cross join newest
),

rungs as (
    select
        snapshot_date,
        load_dts,
        batch_id,
        days_ago < {{ var('snapshot_days') }} as is_daily,
        (
            days_between_weeks < 7 * {{ var('snapshot_weeks') }}
            and max(snapshot_date) over (partition by days_between_weeks) = snapshot_date
        ) as is_weekly,
        (
            months_ago < {{ var('snapshot_months') }}
            and max(snapshot_date) over (partition by months_ago) = snapshot_date
        ) as is_monthly,
        (
            years_ago < {{ var('snapshot_years') }}
            and max(snapshot_date) over (partition by years_ago) = snapshot_date
        ) as is_yearly,
        days_ago = 0 as is_newest
    from aged
)

select
    snapshot_date,
    load_dts,
    batch_id,
    is_daily,
    is_weekly,
    is_monthly,
    is_yearly,
    is_newest
from rungs
where is_daily or is_weekly or is_monthly or is_yearly
