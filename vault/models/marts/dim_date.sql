{#-
    Calendar. Fiscal years start on November 1 and are named after the year in which they end. US weeks start on
    Sunday, and week 1 contains January 1. Use ISO weeks with iso_year only.
-#}
with parts as (
    select
        calendar_date,
        extract(day from calendar_date) as day_number,
        extract(month from calendar_date) as month_number,
        extract(quarter from calendar_date) as quarter_number,
        extract(year from calendar_date) as year_number,
        extract(dayofyear from calendar_date) as day_of_year,
        extract(dayofweek from calendar_date) as day_of_week,
        extract(
            dayofweek from date(extract(year from calendar_date), 1, 1)
        ) as day_of_week_of_january_1,
        extract(isoweek from calendar_date) as iso_week,
        extract(isoyear from calendar_date) as iso_year,
        format_date('%B', calendar_date) as month_name,
        format_date('%A', calendar_date) as weekday_name
    from {{ ref('bv_day') }}
),

calendar as (
    select
        *,
        if(month_number <= 6, 1, 2) as half_number,
        cast(floor((day_of_year + day_of_week_of_january_1 - 2) / 7) as int64) + 1 as week_number,
        if(month_number >= 11, month_number - 10, month_number + 2) as fiscal_month,
        if(month_number >= 11, year_number + 1, year_number) as fiscal_year,
        substr(month_name, 1, 3) as short_month,
        cast(day_number as string) as day_text,
        cast(year_number as string) as year_text,
        date(year_number, month_number, 1) as month_start,
        date(year_number, quarter_number * 3 - 2, 1) as quarter_start,
        date(year_number, 1, 1) as year_start,
        if(month_number <= 6, date(year_number, 1, 1), date(year_number, 7, 1)) as half_start
    from parts
),

labelled as (
    select
        *,
        cast(ceil(fiscal_month / 3) as int64) as fiscal_quarter,
        cast(ceil(fiscal_month / 6) as int64) as fiscal_half,
        'Q' || cast(quarter_number as string) as quarter_text,
        'H' || cast(half_number as string) as half_text,
        'CY' || year_text as calendar_year_label,
        'FY' || cast(fiscal_year as string) as fiscal_year_label
    from calendar
)

select
    calendar_date as date,
    cast(format_date('%Y%m%d', calendar_date) as int64) as date_key,
    day_number,
    day_text as day,
    month_name as month,
    short_month,
    month_number as calendar_month_number,
    calendar_year_label || '-' || short_month as calendar_month_label,
    year_number as calendar_year,
    calendar_year_label,
    fiscal_month as fiscal_month_number,
    fiscal_year_label || '-' || short_month as fiscal_month_label,
    fiscal_year_label || '-P' || lpad(cast(fiscal_month as string), 2, '0') as fiscal_period_label,
    fiscal_year,
    fiscal_year_label,
    iso_week as iso_week_number,
    iso_year,
    cast(day_of_year as string) as day_of_year,
    day_of_year as day_of_year_number,
    weekday_name as day_of_week,
    day_of_week as day_of_week_number,
    cast(week_number as string) as week_of_year,
    week_number as calendar_week_number,
    calendar_year_label || '-W' || lpad(cast(week_number as string), 2, '0') as calendar_week_label,
    quarter_text as quarter,
    half_text as half_of_year,
    month_start as beginning_of_month,
    quarter_start as beginning_of_quarter,
    half_start as beginning_of_half_year,
    year_start as beginning_of_year,
    'Beginning of Month ' || month_name || '-' || year_text as beginning_of_month_label,
    'BOM ' || short_month || '-' || year_text as beginning_of_month_label_short,
    'Beginning Of Quarter ' || year_text || '-' || quarter_text as beginning_of_quarter_label,
    'BOQ ' || year_text || '-' || quarter_text as beginning_of_quarter_label_short,
    'Beginning of Half Year ' || year_text || '-' || half_text as beginning_of_half_year_label,
    'BOH ' || year_text || '-' || half_text as beginning_of_half_year_label_short,
    'Beginning of Year ' || year_text as beginning_of_year_label,
    'BOY ' || year_text as beginning_of_year_label_short,
    month_name || ' ' || day_text || ', ' || year_text as calendar_day_label,
    short_month || ' ' || day_text || ', ' || year_text as calendar_day_label_short,
    short_month || '-' || year_text as calendar_month_year_label,
    quarter_number as calendar_quarter_number,
    calendar_year_label || '-' || quarter_text as calendar_quarter_label,
    quarter_text || '-' || year_text as calendar_quarter_year_label,
    half_number as calendar_half_of_year_number,
    calendar_year_label || '-' || half_text as calendar_half_of_year_label,
    half_text || '-' || year_text as calendar_year_half_of_year_label,
    fiscal_quarter as fiscal_quarter_number,
    fiscal_year_label || '-Q' || cast(fiscal_quarter as string) as fiscal_quarter_label,
    fiscal_half as fiscal_half_of_year_number,
    fiscal_year_label || '-H' || cast(fiscal_half as string) as fiscal_half_of_year_label,
    year_number * 100 + week_number as year_week_key,
    year_number * 100 + month_number as year_month_key,
    year_number * 10 + quarter_number as year_quarter_key,
    year_number * 10 + half_number as year_half_of_year_key,
    year_number as year_key,
    cast(format_date('%Y%m%d', month_start) as int64) as beginning_of_month_key,
    cast(format_date('%Y%m%d', quarter_start) as int64) as beginning_of_quarter_key,
    cast(format_date('%Y%m%d', half_start) as int64) as beginning_of_half_year_key,
    cast(format_date('%Y%m%d', year_start) as int64) as beginning_of_year_key,
    fiscal_year * 100 + fiscal_month as fiscal_year_month_key,
    fiscal_year * 10 + fiscal_quarter as fiscal_year_quarter_key,
    fiscal_year * 10 + fiscal_half as fiscal_year_half_of_year_key
from labelled
