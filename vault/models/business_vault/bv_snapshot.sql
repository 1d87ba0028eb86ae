{#-
    Snapshot control: the days whose state is kept, and the batch that shows it. A pure function of the
    batches: the same batches give the same ladder, wherever and whenever it is built.
-#}
with days as (
    select
        date(valid_from) as snapshot_date,
        load_dts,
        batch_id
    from {{ ref('bv_batch') }}
    where true -- GoogleSQL asks for a where beside a qualify
    -- several batches of one day: the last one shows the day's end
    qualify max(load_dts) over (partition by date(valid_from)) = load_dts
),

-- weeks, months and years as whole numbers that can be counted back
periods as (
    select
        snapshot_date,
        load_dts,
        batch_id,
        date_diff({{ week_start('snapshot_date') }}, date '1900-01-01', day) as week_day_number,
        extract(year from snapshot_date) * 12 + extract(month from snapshot_date) as month_number,
        extract(year from snapshot_date) as year_number
    from days
),

newest as (
    select
        max(snapshot_date) as snapshot_date,
        max(week_day_number) as week_day_number,
        max(month_number) as month_number,
        max(year_number) as year_number
    from periods
),

rungs as (
    select
        periods.snapshot_date,
        periods.load_dts,
        periods.batch_id,
        date_diff(newest.snapshot_date, periods.snapshot_date, day) < {{ var('snapshot_days') }} as is_daily,
        (
            max(periods.snapshot_date) over (partition by periods.week_day_number) = periods.snapshot_date
            and newest.week_day_number - periods.week_day_number < 7 * {{ var('snapshot_weeks') }}
        ) as is_weekly,
        (
            max(periods.snapshot_date) over (partition by periods.month_number) = periods.snapshot_date
            and newest.month_number - periods.month_number < {{ var('snapshot_months') }}
        ) as is_monthly,
        (
            max(periods.snapshot_date) over (partition by periods.year_number) = periods.snapshot_date
            and newest.year_number - periods.year_number < {{ var('snapshot_years') }}
        ) as is_yearly,
        newest.snapshot_date = periods.snapshot_date as is_newest
    from periods
    cross join newest
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
