-- The customer ledger by billed account and month of the entry. Open amounts are not settled; their age is
-- the number of days up to the newest entry of the ledger.
with ledger as (
    select
        *,
        max(date_key) over () as newest_day
    from {marts}.fct_transaction
    where wwi_customer_transaction_id is not null and not is_deleted
)

select
    customer.wwi_customer_id as account_id,
    customer.customer as account,
    customer.buying_group,
    calendar.beginning_of_month as month_start,
    calendar.fiscal_year_label,
    cast(
        sum(if(entry.transaction_type = 'Customer Invoice', ledger.total_including_tax, 0)) * 100 as numeric
    ) as invoiced_cents,
    cast(
        sum(if(entry.transaction_type = 'Customer Payment Received', -ledger.total_including_tax, 0)) * 100
        as numeric
    ) as received_cents,
    cast(sum(ledger.outstanding_balance) * 100 as numeric) as open_cents,
    cast(
        sum(if(date_diff(ledger.newest_day, ledger.date_key, day) <= 7, ledger.outstanding_balance, 0)) * 100
        as numeric
    ) as open_week_cents,
    cast(
        sum(if(date_diff(ledger.newest_day, ledger.date_key, day) <= 30, ledger.outstanding_balance, 0)) * 100
        as numeric
    ) as open_month_cents
from ledger
inner join {marts}.dim_date as calendar
    on ledger.date_key = calendar.date
inner join {marts}.dim_customer as customer
    on ledger.bill_to_customer_key = customer.customer_key
inner join {marts}.dim_transaction_type as entry
    on ledger.transaction_type_key = entry.transaction_type_key
group by account_id, account, buying_group, month_start, fiscal_year_label
order by month_start, account_id
