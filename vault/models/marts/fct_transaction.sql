with parties_of_customer_entries as (
    {{ latest(ref('bridge_customer_transaction'), 'customer_transaction_hk') }}
),

parties_of_invoices as (
    {{ latest(ref('bridge_invoice'), 'invoice_hk') }}
),

parties_of_supplier_entries as (
    {{ latest(ref('bridge_supplier_transaction'), 'supplier_transaction_hk') }}
),

customer_details as (
    {{ latest(ref('sat_customer_transaction__details'), 'customer_transaction_hk') }}
),

customer_settlement as (
    {{ latest(ref('sat_customer_transaction__settlement'), 'customer_transaction_hk') }}
),

customer_status as (
    {{ latest(ref('sat_customer_transaction__status'), 'customer_transaction_hk') }}
),

supplier_details as (
    {{ latest(ref('sat_supplier_transaction__details'), 'supplier_transaction_hk') }}
),

supplier_settlement as (
    {{ latest(ref('sat_supplier_transaction__settlement'), 'supplier_transaction_hk') }}
),

supplier_status as (
    {{ latest(ref('sat_supplier_transaction__status'), 'supplier_transaction_hk') }}
),

entries as (
    select
        {{ ledger_key('bridge.customer_transaction_id', 1) }} as transaction_key,
        bridge.customer_transaction_id,
        cast(null as int64) as supplier_transaction_id,
        -- a payment has no invoice, so the customer is the payer
        coalesce(invoices.customer_id, bridge.customer_id) as customer_id,
        bridge.customer_id as bill_to_customer_id,
        cast(null as int64) as supplier_id,
        bridge.invoice_id,
        cast(null as int64) as purchase_order_id,
        cast(null as string) as supplier_invoice_number,
        details.transaction_type_id,
        details.payment_method_id,
        details.transaction_date,
        details.amount_excluding_tax,
        details.tax_amount,
        details.transaction_amount,
        settlement.outstanding_balance,
        settlement.is_finalized,
        settlement.last_edited_when as edited_when,
        coalesce(status.is_deleted, false) as is_deleted,
        greatest(
            bridge.load_dts,
            coalesce(invoices.load_dts, bridge.load_dts),
            details.load_dts,
            settlement.load_dts,
            status.load_dts
        ) as load_dts
    from parties_of_customer_entries as bridge
    left join parties_of_invoices as invoices
        on bridge.invoice_hk = invoices.invoice_hk
    inner join customer_details as details
        on bridge.customer_transaction_hk = details.customer_transaction_hk
    inner join customer_settlement as settlement
        on bridge.customer_transaction_hk = settlement.customer_transaction_hk
    inner join customer_status as status
        on bridge.customer_transaction_hk = status.customer_transaction_hk
    union all
    select
        {{ ledger_key('bridge.supplier_transaction_id', -1) }} as transaction_key,
        cast(null as int64) as customer_transaction_id,
        bridge.supplier_transaction_id,
        cast(null as int64) as customer_id,
        cast(null as int64) as bill_to_customer_id,
        bridge.supplier_id,
        cast(null as int64) as invoice_id,
        bridge.purchase_order_id,
        details.supplier_invoice_number,
        details.transaction_type_id,
        details.payment_method_id,
        details.transaction_date,
        details.amount_excluding_tax,
        details.tax_amount,
        details.transaction_amount,
        settlement.outstanding_balance,
        settlement.is_finalized,
        settlement.last_edited_when as edited_when,
        coalesce(status.is_deleted, false) as is_deleted,
        greatest(
            bridge.load_dts, details.load_dts, settlement.load_dts, status.load_dts
        ) as load_dts
    from parties_of_supplier_entries as bridge
    inner join supplier_details as details
        on bridge.supplier_transaction_hk = details.supplier_transaction_hk
    inner join supplier_settlement as settlement
        on bridge.supplier_transaction_hk = settlement.supplier_transaction_hk
    inner join supplier_status as status
        on bridge.supplier_transaction_hk = status.supplier_transaction_hk
)

select
    entries.transaction_key,
    entries.transaction_date as date_key,
    coalesce(customer.customer_key, 0) as customer_key,
    coalesce(bill_to_customer.customer_key, 0) as bill_to_customer_key,
    coalesce(supplier.supplier_key, 0) as supplier_key,
    coalesce(transaction_type.transaction_type_key, 0) as transaction_type_key,
    coalesce(payment_method.payment_method_key, 0) as payment_method_key,
    entries.customer_transaction_id as wwi_customer_transaction_id,
    entries.supplier_transaction_id as wwi_supplier_transaction_id,
    entries.invoice_id as wwi_invoice_id,
    entries.purchase_order_id as wwi_purchase_order_id,
    entries.supplier_invoice_number,
    cast(entries.amount_excluding_tax as numeric(18, 2)) as total_excluding_tax,
    cast(entries.tax_amount as numeric(18, 2)) as tax_amount,
    cast(entries.transaction_amount as numeric(18, 2)) as total_including_tax,
    cast(entries.outstanding_balance as numeric(18, 2)) as outstanding_balance,
    entries.is_finalized,
    entries.is_deleted,
    batch.batch_id as lineage_key
from entries
left join {{ ref('bv_batch') }} as batch
    on entries.load_dts = batch.load_dts
left join {{ ref('dim_customer_unmasked') }} as customer
    on
        entries.customer_id = customer.wwi_customer_id
        and {{ valid_at('customer', 'entries.edited_when') }}
left join {{ ref('dim_customer_unmasked') }} as bill_to_customer
    on
        entries.bill_to_customer_id = bill_to_customer.wwi_customer_id
        and {{ valid_at('bill_to_customer', 'entries.edited_when') }}
left join {{ ref('dim_supplier_unmasked') }} as supplier
    on
        entries.supplier_id = supplier.wwi_supplier_id
        and {{ valid_at('supplier', 'entries.edited_when') }}
left join {{ ref('dim_transaction_type') }} as transaction_type
    on
        entries.transaction_type_id = transaction_type.wwi_transaction_type_id
        and {{ valid_at('transaction_type', 'entries.edited_when') }}
left join {{ ref('dim_payment_method') }} as payment_method
    on
        entries.payment_method_id = payment_method.wwi_payment_method_id
        and {{ valid_at('payment_method', 'entries.edited_when') }}
