{#- Aggregates the paid invoices of each customer, see bv_sat_customer_transaction__days_to_pay. -#}
with customers_of_entries as (
    {{ relationships('customer_transaction', 'customer_transaction_hk', ['customer_hk']) }}
),

entries_now as (
    {{ latest('customers_of_entries', 'customer_transaction_hk') }}
),

payments as (
    select
        entries_now.customer_hk,
        count(*) as paid_invoices,
        countif(paid.days_late > 0) as invoices_paid_late,
        cast(sum(paid.days_to_pay) as numeric(31, 2)) as sum_of_days,
        cast(count(*) as numeric(31, 2)) as number_of_invoices,
        max(greatest(paid.load_dts, entries_now.load_dts)) as load_dts
    from {{ ref('bv_sat_customer_transaction__days_to_pay') }} as paid
    inner join entries_now
        on paid.customer_transaction_hk = entries_now.customer_transaction_hk
    where paid.settled_date is not null
    group by entries_now.customer_hk
)

select
    customer_hk,
    paid_invoices,
    invoices_paid_late,
    {{ ratio('sum_of_days', 'number_of_invoices') }} as average_days_to_pay,
    load_dts
from payments
