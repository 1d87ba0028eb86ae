{#-
    Order to cash (business_rules, sections 4 to 8), current state, without deleted rows.

    The source has no key from an order line to its invoice line: an invoice has its order, and both lines have the
    item. So lines are matched by order and item, and by position if an order has an item twice. A ledger entry has
    its invoice; its payment is the one by the same customer on the day the entry was finalized (section 8: at most
    one per day and customer).
-#}
with order_lines_now as (
    {{ latest(ref('pit_order_line'), 'order_line_hk') }}
),

order_lines as (
    select
        order_lines_now.order_line_hk,
        link.order_hk,
        link.stock_item_hk,
        cast(progress.picking_completed_when as date) as picked_date,
        order_lines_now.load_dts
    from order_lines_now
    inner join {{ ref('sat_order_line__progress') }} as progress
        on {{ in_force('order_lines_now', 'progress', 'order_line_hk', 'progress') }}
    inner join {{ ref('eff_sat_order_line') }} as effectivity
        on {{ in_force('order_lines_now', 'effectivity', 'order_line_hk', 'order') }}
    inner join {{ ref('link_order_line') }} as link
        on effectivity.link_order_line_hk = link.link_order_line_hk
    left join {{ ref('sat_order_line__status') }} as status
        on {{ in_force('order_lines_now', 'status', 'order_line_hk', 'status') }}
    where not coalesce(status.is_deleted, false)
),

-- only picked lines are billed; the others have no position and match no invoice line
order_lines_in_turn as (
    select
        order_lines.*,
        if(
            order_lines.picked_date is not null,
            row_number() over (
                partition by
                    order_lines.order_hk,
                    order_lines.stock_item_hk,
                    order_lines.picked_date is not null
                order by hub.order_line_id
            ),
            null
        ) as turn
    from order_lines
    inner join {{ ref('hub_order_line') }} as hub
        on order_lines.order_line_hk = hub.order_line_hk
),

orders_now as (
    {{ latest(ref('pit_order'), 'order_hk') }}
),

orders as (
    select
        orders_now.order_hk,
        link.customer_hk,
        details.order_date,
        details.expected_delivery_date,
        orders_now.load_dts
    from orders_now
    inner join {{ ref('sat_order__details') }} as details
        on {{ in_force('orders_now', 'details', 'order_hk', 'details') }}
    inner join {{ ref('eff_sat_order_customer') }} as effectivity
        on {{ in_force('orders_now', 'effectivity', 'order_hk', 'customer') }}
    inner join {{ ref('link_order_customer') }} as link
        on effectivity.link_order_customer_hk = link.link_order_customer_hk
    left join {{ ref('sat_order__status') }} as status
        on {{ in_force('orders_now', 'status', 'order_hk', 'status') }}
    where not coalesce(status.is_deleted, false)
),

invoices_now as (
    {{ latest(ref('pit_invoice'), 'invoice_hk') }}
),

invoices as (
    select
        invoices_now.invoice_hk,
        -- a credit note bills no order line, even if it has an order
        if(details.is_credit_note, null, link.order_hk) as order_hk,
        link.customer_hk,
        link.bill_to_customer_hk,
        details.invoice_date,
        cast(delivery.confirmed_delivery_time as date) as delivery_date,
        invoices_now.load_dts
    from invoices_now
    inner join {{ ref('sat_invoice__details') }} as details
        on {{ in_force('invoices_now', 'details', 'invoice_hk', 'details') }}
    inner join {{ ref('sat_invoice__delivery') }} as delivery
        on {{ in_force('invoices_now', 'delivery', 'invoice_hk', 'delivery') }}
    inner join {{ ref('eff_sat_invoice_order') }} as effectivity
        on {{ in_force('invoices_now', 'effectivity', 'invoice_hk', 'order') }}
    inner join {{ ref('link_invoice_order') }} as link
        on effectivity.link_invoice_order_hk = link.link_invoice_order_hk
    left join {{ ref('sat_invoice__status') }} as status
        on {{ in_force('invoices_now', 'status', 'invoice_hk', 'status') }}
    where not coalesce(status.is_deleted, false)
),

invoice_lines_now as (
    {{ latest(ref('pit_invoice_line'), 'invoice_line_hk') }}
),

invoice_lines as (
    select
        invoice_lines_now.invoice_line_hk,
        link.invoice_hk,
        link.stock_item_hk,
        invoices.order_hk,
        invoices.customer_hk,
        invoices.bill_to_customer_hk,
        invoices.invoice_date,
        invoices.delivery_date,
        greatest(invoice_lines_now.load_dts, invoices.load_dts) as load_dts
    from invoice_lines_now
    inner join {{ ref('eff_sat_invoice_line') }} as effectivity
        on {{ in_force('invoice_lines_now', 'effectivity', 'invoice_line_hk', 'invoice') }}
    inner join {{ ref('link_invoice_line') }} as link
        on effectivity.link_invoice_line_hk = link.link_invoice_line_hk
    inner join invoices
        on link.invoice_hk = invoices.invoice_hk
    left join {{ ref('sat_invoice_line__status') }} as status
        on {{ in_force('invoice_lines_now', 'status', 'invoice_line_hk', 'status') }}
    where not coalesce(status.is_deleted, false)
),

invoice_lines_in_turn as (
    select
        invoice_lines.*,
        row_number() over (
            partition by invoice_lines.order_hk, invoice_lines.stock_item_hk
            order by hub.invoice_line_id
        ) as turn
    from invoice_lines
    inner join {{ ref('hub_invoice_line') }} as hub
        on invoice_lines.invoice_line_hk = hub.invoice_line_hk
),

lines as (
    select
        order_line.order_line_hk,
        coalesce(order_line.order_hk, invoice_line.order_hk) as order_hk,
        coalesce(order_line.stock_item_hk, invoice_line.stock_item_hk) as stock_item_hk,
        order_line.picked_date,
        invoice_line.invoice_line_hk,
        invoice_line.invoice_hk,
        invoice_line.customer_hk as invoiced_customer_hk,
        invoice_line.bill_to_customer_hk,
        invoice_line.invoice_date,
        invoice_line.delivery_date,
        greatest(
            coalesce(order_line.load_dts, invoice_line.load_dts),
            coalesce(invoice_line.load_dts, order_line.load_dts)
        ) as load_dts
    from order_lines_in_turn as order_line
    full outer join invoice_lines_in_turn as invoice_line
        on
            order_line.order_hk = invoice_line.order_hk
            and order_line.stock_item_hk = invoice_line.stock_item_hk
            and order_line.turn = invoice_line.turn
),

entries_now as (
    {{ latest(ref('pit_customer_transaction'), 'customer_transaction_hk') }}
),

entries as (
    select
        entries_now.customer_transaction_hk,
        hub.customer_transaction_id,
        link.customer_hk,
        link.invoice_hk,
        details.transaction_type_id,
        details.transaction_date,
        settlement.finalization_date,
        entries_now.load_dts
    from entries_now
    inner join {{ ref('hub_customer_transaction') }} as hub
        on entries_now.customer_transaction_hk = hub.customer_transaction_hk
    inner join {{ ref('sat_customer_transaction__details') }} as details
        on {{ in_force('entries_now', 'details', 'customer_transaction_hk', 'details') }}
    inner join {{ ref('sat_customer_transaction__settlement') }} as settlement
        on {{ in_force('entries_now', 'settlement', 'customer_transaction_hk', 'settlement') }}
    inner join {{ ref('eff_sat_customer_transaction') }} as effectivity
        on {{ in_force('entries_now', 'effectivity', 'customer_transaction_hk', 'customer') }}
    inner join {{ ref('link_customer_transaction') }} as link
        on effectivity.link_customer_transaction_hk = link.link_customer_transaction_hk
    left join {{ ref('sat_customer_transaction__status') }} as status
        on {{ in_force('entries_now', 'status', 'customer_transaction_hk', 'status') }}
    where not coalesce(status.is_deleted, false)
),

-- type 3 is Customer Payment Received; type names can change, numbers do not
payments as (
    select
        customer_transaction_hk,
        customer_hk,
        transaction_date,
        load_dts
    from entries
    where transaction_type_id = 3
    qualify row_number() over (
        partition by customer_hk, transaction_date order by customer_transaction_id
    ) = 1
),

bills as (
    select
        entries.customer_transaction_hk,
        entries.invoice_hk,
        entries.transaction_date,
        entries.finalization_date,
        payments.customer_transaction_hk as payment_transaction_hk,
        payments.transaction_date as payment_date,
        greatest(entries.load_dts, coalesce(payments.load_dts, entries.load_dts)) as load_dts
    from entries
    inner join invoices
        on entries.invoice_hk = invoices.invoice_hk
    left join payments
        on
            entries.customer_hk = payments.customer_hk
            and entries.finalization_date = payments.transaction_date
    where true -- GoogleSQL requires a where with qualify
    qualify row_number() over (
        partition by entries.invoice_hk order by entries.customer_transaction_id
    ) = 1
)

select
    lines.order_line_hk,
    orders.order_hk,
    coalesce(orders.customer_hk, lines.invoiced_customer_hk) as customer_hk,
    lines.bill_to_customer_hk,
    lines.stock_item_hk,
    lines.invoice_line_hk,
    lines.invoice_hk,
    bills.customer_transaction_hk,
    bills.payment_transaction_hk,
    orders.order_date,
    orders.expected_delivery_date,
    lines.picked_date,
    lines.invoice_date,
    lines.delivery_date,
    bills.transaction_date as ledger_date,
    bills.finalization_date as settled_date,
    bills.payment_date,
    greatest(
        lines.load_dts,
        coalesce(orders.load_dts, lines.load_dts),
        coalesce(bills.load_dts, lines.load_dts)
    ) as load_dts
from lines
left join orders
    on lines.order_hk = orders.order_hk
left join bills
    on lines.invoice_hk = bills.invoice_hk
