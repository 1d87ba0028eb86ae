with movements_now as (
    {{ latest(ref('sat_stock_movement__details'), 'stock_movement_hk') }}
),

movement_status as (
    {{ latest(ref('sat_stock_movement__status'), 'stock_movement_hk') }}
),

movements as (
    select
        details.stock_item_transaction_id,
        details.transaction_type_id,
        details.transaction_occurred_when,
        details.quantity,
        details.stock_item_id,
        details.customer_id,
        details.supplier_id,
        details.invoice_id,
        details.purchase_order_id,
        coalesce(status.is_deleted, false) as is_deleted,
        greatest(details.load_dts, status.load_dts) as load_dts
    from movements_now as details
    inner join movement_status as status
        on details.stock_movement_hk = status.stock_movement_hk
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
    cast(movements.quantity as numeric(18, 3)) as quantity,
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
