{#-
    Days until an invoice was paid (business_rules, section 8), with the current payment terms of the customer. An
    entry is finalized if and only if it is settled (section 20). Only invoices are included: type 1 is Customer
    Invoice. An open invoice after its due date is late by the days up to the newest batch.
-#}
with entries_now as (
    {{ latest(ref('pit_customer_transaction'), 'customer_transaction_hk') }}
),

customers_now as (
    {{ latest(ref('sat_customer__details'), 'customer_hk') }}
),

today as (
    select snapshot_date
    from {{ ref('bv_snapshot') }}
    where is_newest
),

invoiced as (
    select
        entries_now.customer_transaction_hk,
        details.transaction_date,
        {{ due_date('details.transaction_date', 'customers_now.payment_days') }} as due_date,
        settlement.finalization_date as settled_date,
        coalesce(settlement.finalization_date, today.snapshot_date) as judged_date,
        greatest(entries_now.load_dts, customers_now.load_dts) as load_dts
    from entries_now
    inner join {{ ref('sat_customer_transaction__details') }} as details
        on {{ in_force('entries_now', 'details', 'customer_transaction_hk', 'details') }}
    inner join {{ ref('sat_customer_transaction__settlement') }} as settlement
        on {{ in_force('entries_now', 'settlement', 'customer_transaction_hk', 'settlement') }}
    inner join {{ ref('eff_sat_customer_transaction') }} as effectivity
        on {{ in_force('entries_now', 'effectivity', 'customer_transaction_hk', 'customer') }}
    inner join {{ ref('link_customer_transaction') }} as link
        on effectivity.link_customer_transaction_hk = link.link_customer_transaction_hk
    inner join customers_now
        on link.customer_hk = customers_now.customer_hk
    left join {{ ref('sat_customer_transaction__status') }} as status
        on {{ in_force('entries_now', 'status', 'customer_transaction_hk', 'status') }}
    cross join today
    where
        details.transaction_type_id = 1
        and not coalesce(status.is_deleted, false)
)

select
    customer_transaction_hk,
    transaction_date,
    due_date,
    settled_date,
    date_diff(settled_date, transaction_date, day) as days_to_pay,
    greatest(date_diff(judged_date, due_date, day), 0) as days_late,
    load_dts
from invoiced
