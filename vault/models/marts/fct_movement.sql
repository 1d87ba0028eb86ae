with movement_status as (
    {{ latest(ref('sat_stock_movement__status'), 'stock_movement_hk') }}
),

movements as (
    select
        link.stock_item_transaction_id,
        link.transaction_type_id,
        link.transaction_occurred_when,
        cast(link.quantity as int64) as quantity,
        stock_item.stock_item_id,
        customer.customer_id,
        supplier.supplier_id,
        invoice.invoice_id,
        purchase_order.purchase_order_id,
        coalesce(status.is_deleted, false) as is_deleted,
        greatest(link.load_dts, status.load_dts) as load_dts
    from {{ ref('nh_link_stock_movement') }} as link
    inner join movement_status as status
        on link.stock_movement_hk = status.stock_movement_hk
    left join {{ ref('hub_stock_item') }} as stock_item
        on link.stock_item_hk = stock_item.stock_item_hk
    left join {{ ref('hub_customer') }} as customer
        on link.customer_hk = customer.customer_hk
    left join {{ ref('hub_supplier') }} as supplier
        on link.supplier_hk = supplier.supplier_hk
    left join {{ ref('hub_invoice') }} as invoice
        on link.invoice_hk = invoice.invoice_hk
    left join {{ ref('hub_purchase_order') }} as purchase_order
        on link.purchase_order_hk = purchase_order.purchase_order_hk
)

select
    movements.stock_item_transaction_id as movement_key,
    cast(movements.transaction_occurred_when as date) as date_key,
    coalesce(stock_item.stock_item_key, 0) as stock_item_key,
    coalesce(customer.customer_key, 0) as customer_key,
    coalesce(supplier.supplier_key, 0) as supplier_key,
    coalesce(transaction_type.transaction_type_key, 0) as transaction_type_key,
    movements.stock_item_transaction_id as wwi_stock_item_transaction_id,
    movements.invoice_id as wwi_invoice_id,
    movements.purchase_order_id as wwi_purchase_order_id,
    movements.quantity,
    movements.is_deleted,
    batch.batch_id as lineage_key
from movements
left join {{ ref('bv_batch') }} as batch
    on movements.load_dts = batch.load_dts
left join {{ ref('dim_stock_item') }} as stock_item
    on
        movements.stock_item_id = stock_item.wwi_stock_item_id
        and {{ valid_at('stock_item', 'movements.transaction_occurred_when') }}
left join {{ ref('dim_customer_unmasked') }} as customer
    on
        movements.customer_id = customer.wwi_customer_id
        and {{ valid_at('customer', 'movements.transaction_occurred_when') }}
left join {{ ref('dim_supplier_unmasked') }} as supplier
    on
        movements.supplier_id = supplier.wwi_supplier_id
        and {{ valid_at('supplier', 'movements.transaction_occurred_when') }}
left join {{ ref('dim_transaction_type') }} as transaction_type
    on
        movements.transaction_type_id = transaction_type.wwi_transaction_type_id
        and {{ valid_at('transaction_type', 'movements.transaction_occurred_when') }}
