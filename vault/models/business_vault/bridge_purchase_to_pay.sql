{#-
    Purchase to pay (business_rules, section 9), current state, without deleted rows.

    A receipt has its purchase order and the item, but not the line. So they are matched by order and item, and by
    position if an order has an item twice. The supplier's invoice has the purchase order; its payment is the one to
    the same supplier on the day the entry was finalized (section 9.3).
-#}
with lines_now as (
    {{ latest(ref('pit_purchase_order_line'), 'purchase_order_line_hk') }}
),

purchase_lines as (
    select
        lines_now.purchase_order_line_hk,
        link.purchase_order_hk,
        link.stock_item_hk,
        lines_now.load_dts,
        row_number() over (
            partition by link.purchase_order_hk, link.stock_item_hk
            order by hub.purchase_order_line_id
        ) as turn
    from lines_now
    inner join {{ ref('hub_purchase_order_line') }} as hub
        on lines_now.purchase_order_line_hk = hub.purchase_order_line_hk
    inner join {{ ref('eff_sat_purchase_order_line') }} as effectivity
        on {{ in_force('lines_now', 'effectivity', 'purchase_order_line_hk', 'purchase_order') }}
    inner join {{ ref('link_purchase_order_line') }} as link
        on effectivity.link_purchase_order_line_hk = link.link_purchase_order_line_hk
    left join {{ ref('sat_purchase_order_line__status') }} as status
        on {{ in_force('lines_now', 'status', 'purchase_order_line_hk', 'status') }}
    where not coalesce(status.is_deleted, false)
),

purchases_now as (
    {{ latest(ref('pit_purchase_order'), 'purchase_order_hk') }}
),

purchases as (
    select
        purchases_now.purchase_order_hk,
        hub.purchase_order_id,
        link.supplier_hk,
        details.order_date,
        details.expected_delivery_date,
        purchases_now.load_dts
    from purchases_now
    inner join {{ ref('hub_purchase_order') }} as hub
        on purchases_now.purchase_order_hk = hub.purchase_order_hk
    inner join {{ ref('sat_purchase_order__details') }} as details
        on {{ in_force('purchases_now', 'details', 'purchase_order_hk', 'details') }}
    inner join {{ ref('eff_sat_purchase_order') }} as effectivity
        on {{ in_force('purchases_now', 'effectivity', 'purchase_order_hk', 'supplier') }}
    inner join {{ ref('link_purchase_order') }} as link
        on effectivity.link_purchase_order_hk = link.link_purchase_order_hk
    left join {{ ref('sat_purchase_order__status') }} as status
        on {{ in_force('purchases_now', 'status', 'purchase_order_hk', 'status') }}
    where not coalesce(status.is_deleted, false)
),

movements_now as (
    {{ latest(ref('sat_stock_movement__details'), 'stock_movement_hk') }}
),

movement_status as (
    {{ latest(ref('sat_stock_movement__status'), 'stock_movement_hk') }}
),

-- type 11 is Stock Receipt; type names can change, numbers do not
receipts as (
    select
        movement.stock_movement_hk,
        purchases.purchase_order_hk,
        stock_item.stock_item_hk,
        cast(movement.transaction_occurred_when as date) as receipt_date,
        greatest(movement.load_dts, movement_status.load_dts) as load_dts,
        row_number() over (
            partition by movement.purchase_order_id, movement.stock_item_id
            order by movement.stock_item_transaction_id
        ) as turn
    from movements_now as movement
    inner join movement_status
        on movement.stock_movement_hk = movement_status.stock_movement_hk
    inner join purchases
        on movement.purchase_order_id = purchases.purchase_order_id
    inner join {{ ref('hub_stock_item') }} as stock_item
        on movement.stock_item_id = stock_item.stock_item_id
    where
        movement.transaction_type_id = 11
        and not movement_status.is_deleted
),

lines as (
    select
        purchase_line.purchase_order_line_hk,
        coalesce(purchase_line.purchase_order_hk, receipt.purchase_order_hk) as purchase_order_hk,
        coalesce(purchase_line.stock_item_hk, receipt.stock_item_hk) as stock_item_hk,
        receipt.stock_movement_hk,
        receipt.receipt_date,
        greatest(
            coalesce(purchase_line.load_dts, receipt.load_dts),
            coalesce(receipt.load_dts, purchase_line.load_dts)
        ) as load_dts
    from purchase_lines as purchase_line
    full outer join receipts as receipt
        on
            purchase_line.purchase_order_hk = receipt.purchase_order_hk
            and purchase_line.stock_item_hk = receipt.stock_item_hk
            and purchase_line.turn = receipt.turn
),

entries_now as (
    {{ latest(ref('pit_supplier_transaction'), 'supplier_transaction_hk') }}
),

entries as (
    select
        entries_now.supplier_transaction_hk,
        hub.supplier_transaction_id,
        link.supplier_hk,
        link.purchase_order_hk,
        details.transaction_type_id,
        details.transaction_date,
        settlement.finalization_date,
        entries_now.load_dts
    from entries_now
    inner join {{ ref('hub_supplier_transaction') }} as hub
        on entries_now.supplier_transaction_hk = hub.supplier_transaction_hk
    inner join {{ ref('sat_supplier_transaction__details') }} as details
        on {{ in_force('entries_now', 'details', 'supplier_transaction_hk', 'details') }}
    inner join {{ ref('sat_supplier_transaction__settlement') }} as settlement
        on {{ in_force('entries_now', 'settlement', 'supplier_transaction_hk', 'settlement') }}
    inner join {{ ref('eff_sat_supplier_transaction') }} as effectivity
        on {{ in_force('entries_now', 'effectivity', 'supplier_transaction_hk', 'supplier') }}
    inner join {{ ref('link_supplier_transaction') }} as link
        on effectivity.link_supplier_transaction_hk = link.link_supplier_transaction_hk
    left join {{ ref('sat_supplier_transaction__status') }} as status
        on {{ in_force('entries_now', 'status', 'supplier_transaction_hk', 'status') }}
    where not coalesce(status.is_deleted, false)
),

-- type 7 is Supplier Payment Issued
payments as (
    select
        supplier_transaction_hk,
        supplier_hk,
        transaction_date,
        load_dts
    from entries
    where transaction_type_id = 7
    qualify row_number() over (
        partition by supplier_hk, transaction_date order by supplier_transaction_id
    ) = 1
),

bills as (
    select
        entries.supplier_transaction_hk,
        entries.purchase_order_hk,
        entries.transaction_date,
        entries.finalization_date,
        payments.supplier_transaction_hk as payment_transaction_hk,
        payments.transaction_date as payment_date,
        greatest(entries.load_dts, coalesce(payments.load_dts, entries.load_dts)) as load_dts
    from entries
    inner join purchases
        on entries.purchase_order_hk = purchases.purchase_order_hk
    left join payments
        on
            entries.supplier_hk = payments.supplier_hk
            and entries.finalization_date = payments.transaction_date
    where true -- GoogleSQL requires a where with qualify
    qualify row_number() over (
        partition by entries.purchase_order_hk order by entries.supplier_transaction_id
    ) = 1
)

select
    lines.purchase_order_line_hk,
    lines.purchase_order_hk,
    purchases.supplier_hk,
    lines.stock_item_hk,
    lines.stock_movement_hk,
    bills.supplier_transaction_hk,
    bills.payment_transaction_hk,
    purchases.order_date,
    purchases.expected_delivery_date,
    lines.receipt_date,
    bills.transaction_date as ledger_date,
    bills.finalization_date as settled_date,
    bills.payment_date,
    greatest(
        lines.load_dts,
        coalesce(purchases.load_dts, lines.load_dts),
        coalesce(bills.load_dts, lines.load_dts)
    ) as load_dts
from lines
left join purchases
    on lines.purchase_order_hk = purchases.purchase_order_hk
left join bills
    on lines.purchase_order_hk = bills.purchase_order_hk
