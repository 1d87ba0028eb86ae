-- Units received and issued, by month.
select
    calendar.beginning_of_month as month_start,
    calendar.fiscal_year_label,
    sum(greatest(movement.quantity, 0)) as units_in,
    sum(least(movement.quantity, 0)) as units_out
from {marts}.fct_movement as movement
inner join {marts}.dim_date as calendar
    on movement.date_key = calendar.date
where not movement.is_deleted
group by month_start, fiscal_year_label
order by month_start
