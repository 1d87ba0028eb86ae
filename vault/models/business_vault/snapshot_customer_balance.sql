{#-
    Outstanding balance of customers. The ledger has every entry under the bill-to customer (business_rules, section
    6) with its outstanding balance (section 8), which is negative for credit notes. Overdue is the balance due before
    the day of the snapshot; credit notes have no due date.
-#}
with snapshots as (
    select
        snapshot_date,
        load_dts
    from {{ ref('bv_snapshot') }}
),

customers as (
    {{ validity_ranges(ref('pit_customer'), 'customer_hk', [
        'details_load_dts', 'credit_load_dts', 'status_load_dts'
    ]) }}
),

accounts as (
    select
        snapshots.snapshot_date,
        snapshots.load_dts,
        customers.customer_hk,
        details.payment_days,
        credit.credit_limit
    from snapshots
    inner join customers
        on {{ valid_as_of('customers', 'snapshots.load_dts') }}
    inner join {{ ref('sat_customer__details') }} as details
        on {{ in_force('customers', 'details', 'customer_hk', 'details') }}
    inner join {{ ref('sat_customer__credit') }} as credit
        on {{ in_force('customers', 'credit', 'customer_hk', 'credit') }}
    left join {{ ref('sat_customer__status') }} as status
        on {{ in_force('customers', 'status', 'customer_hk', 'status') }}
    where not coalesce(status.is_deleted, false)
),

entries as (
    {{ validity_ranges(ref('pit_customer_transaction'), 'customer_transaction_hk', [
        'details_load_dts', 'settlement_load_dts', 'customer_load_dts', 'status_load_dts'
    ]) }}
),

-- validity ranges of ledger entries with an outstanding balance
open_entries as (
    select
        link.customer_hk,
        details.transaction_date,
        settlement.outstanding_balance,
        entries.load_dts,
        entries.next_load_dts
    from entries
    inner join {{ ref('sat_customer_transaction__settlement') }} as settlement
        on {{ in_force('entries', 'settlement', 'customer_transaction_hk', 'settlement') }}
    inner join {{ ref('sat_customer_transaction__details') }} as details
        on {{ in_force('entries', 'details', 'customer_transaction_hk', 'details') }}
    inner join {{ ref('eff_sat_customer_transaction') }} as effectivity
        on {{ in_force('entries', 'effectivity', 'customer_transaction_hk', 'customer') }}
    inner join {{ ref('link_customer_transaction') }} as link
        on effectivity.link_customer_transaction_hk = link.link_customer_transaction_hk
    left join {{ ref('sat_customer_transaction__status') }} as status
        on {{ in_force('entries', 'status', 'customer_transaction_hk', 'status') }}
    where
        settlement.outstanding_balance != 0
        and not coalesce(status.is_deleted, false)
),

owed as (
    select
        accounts.load_dts,
        accounts.customer_hk,
        count(*) as open_entries,
        cast(sum(open_entries.outstanding_balance) as numeric(31, 2)) as balance,
        cast(sum(
            if(
                open_entries.outstanding_balance > 0
                and {{ due_date('open_entries.transaction_date', 'accounts.payment_days') }}
                < accounts.snapshot_date,
                open_entries.outstanding_balance,
                0
            )
        ) as numeric(31, 2)) as overdue_amount
    from accounts
    inner join open_entries
        on
            accounts.customer_hk = open_entries.customer_hk
            and {{ valid_as_of('open_entries', 'accounts.load_dts') }}
    group by accounts.load_dts, accounts.customer_hk
),

balances as (
    select
        accounts.snapshot_date,
        accounts.load_dts,
        accounts.customer_hk,
        cast(accounts.credit_limit as numeric(31, 2)) as credit_limit,
        coalesce(owed.open_entries, 0) as open_entries,
        coalesce(owed.balance, cast(0 as numeric(31, 2))) as balance,
        coalesce(owed.overdue_amount, cast(0 as numeric(31, 2))) as overdue_amount
    from accounts
    left join owed
        on
            accounts.load_dts = owed.load_dts
            and accounts.customer_hk = owed.customer_hk
)

select
    snapshot_date,
    customer_hk,
    open_entries,
    balance,
    overdue_amount,
    credit_limit,
    -- null without a limit, since credit is unlimited
    {{ percent('balance', 'credit_limit') }} as credit_use_percent,
    load_dts
from balances
