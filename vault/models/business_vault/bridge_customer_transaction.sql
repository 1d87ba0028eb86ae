with parties_of_entries as (
    {{ relationships('customer_transaction', 'customer_transaction_hk', [
        'customer_hk', 'invoice_hk'
    ]) }}
),

entries_now as (
    {{ latest('parties_of_entries', 'customer_transaction_hk') }}
),

parties_of_invoices as (
    {{ relationships('invoice_order', 'invoice_hk', ['customer_hk']) }}
),

invoices_now as (
    {{ latest('parties_of_invoices', 'invoice_hk') }}
)

select
    entries_now.customer_transaction_hk,
    entry.customer_transaction_id,
    invoice.invoice_id,
    bill_to_customer.customer_id as bill_to_customer_id,
    -- a payment has no invoice: it is the payer's own
    coalesce(customer.customer_id, bill_to_customer.customer_id) as customer_id,
    greatest(
        entries_now.load_dts,
        coalesce(invoices_now.load_dts, entries_now.load_dts)
    ) as load_dts
from entries_now
inner join {{ ref('hub_customer_transaction') }} as entry
    on entries_now.customer_transaction_hk = entry.customer_transaction_hk
left join invoices_now
    on entries_now.invoice_hk = invoices_now.invoice_hk
left join {{ ref('hub_invoice') }} as invoice
    on entries_now.invoice_hk = invoice.invoice_hk
left join {{ ref('hub_customer') }} as bill_to_customer
    on entries_now.customer_hk = bill_to_customer.customer_hk
left join {{ ref('hub_customer') }} as customer
    on invoices_now.customer_hk = customer.customer_hk
