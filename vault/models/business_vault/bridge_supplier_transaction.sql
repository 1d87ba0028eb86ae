with parties_of_entries as (
    {{ relationships('supplier_transaction', 'supplier_transaction_hk', [
        'supplier_hk', 'purchase_order_hk'
    ]) }}
),

entries_now as (
    {{ latest('parties_of_entries', 'supplier_transaction_hk') }}
)

select
    entries_now.supplier_transaction_hk,
    entry.supplier_transaction_id,
    supplier.supplier_id,
    purchase_order.purchase_order_id,
    entries_now.load_dts
from entries_now
inner join {{ ref('hub_supplier_transaction') }} as entry
    on entries_now.supplier_transaction_hk = entry.supplier_transaction_hk
left join {{ ref('hub_supplier') }} as supplier
    on entries_now.supplier_hk = supplier.supplier_hk
left join {{ ref('hub_purchase_order') }} as purchase_order
    on entries_now.purchase_order_hk = purchase_order.purchase_order_hk
