"""The business rules again, in Postgres SQL on the source: the expected results of the business vault.

They are written from the rules, not from the models: current rows only, foreign keys, no history.
"""

STOCK = """
with needed as (
    select stock_item_id, sum(quantity) as units from sales.order_lines
    where picking_completed_when is null group by 1
),
coming as (
    select stock_item_id, sum(ordered_outers - received_outers) as outers from purchasing.purchase_order_lines
    where not is_order_line_finalized group by 1
),
positions as (
    select h.*, i.quantity_per_outer, coalesce(outers, 0) * quantity_per_outer as on_order,
        coalesce(units, 0) as needed
    from warehouse.stock_item_holdings as h
    join warehouse.stock_items as i using (stock_item_id)
    left join coming using (stock_item_id) left join needed using (stock_item_id)
),
effective as (select *, quantity_on_hand + on_order - needed as units from positions),
outers as (
    select *, case when units < reorder_level
        then ceil((target_stock_level - units)::numeric / quantity_per_outer) else 0 end as wanted
    from effective
)
select stock_item_id, quantity_on_hand, on_order, needed, units, units < reorder_level, wanted,
    wanted * quantity_per_outer, round(quantity_on_hand * last_cost_price, 2)
from outers order by 1
"""

BALANCE = """
select c.customer_id, count(t.customer_id), coalesce(sum(t.outstanding_balance), 0),
    coalesce(sum(t.outstanding_balance) filter (
        where t.outstanding_balance > 0 and t.transaction_date + c.payment_days < %(today)s
    ), 0),
    c.credit_limit, round(100 * coalesce(sum(t.outstanding_balance), 0) / nullif(c.credit_limit, 0), 2)
from sales.customers as c
left join sales.customer_transactions as t on t.customer_id = c.customer_id and t.outstanding_balance <> 0
group by c.customer_id, c.payment_days, c.credit_limit order by 1
"""

ORDERS = """
with lines as (
    select o.order_id, count(l.order_id) as lines, count(l.picking_completed_when) as picked,
        coalesce(sum(l.quantity), 0) as ordered, coalesce(sum(l.picked_quantity), 0) as taken
    from sales.orders as o left join sales.order_lines as l using (order_id) group by 1
),
billed as (
    select i.order_id, count(l.invoice_id) as lines, sum(l.quantity) as quantity,
        max(i.confirmed_delivery_time)::date as delivered
    from sales.invoices as i join sales.invoice_lines as l using (invoice_id)
    where not i.is_credit_note group by 1
)
select o.order_id, o.backorder_order_id is not null,
    exists (select from sales.orders as first where first.backorder_order_id = o.order_id),
    lines.lines, picked, coalesce(billed.lines, 0), ordered, taken, coalesce(quantity, 0),
    delivered - o.order_date, delivered,
    case when coalesce(delivered, %(today)s) > o.expected_delivery_date then false
        when delivered is not null then true end,
    greatest(coalesce(delivered, %(today)s) - o.expected_delivery_date, 0)
from sales.orders as o join lines using (order_id) left join billed using (order_id) order by 1
"""

LINE_PROFIT = """
select invoice_line_id, round(quantity * unit_price, 2), round(quantity * unit_price, 2) - line_profit,
    line_profit, round(100 * line_profit / nullif(round(quantity * unit_price, 2), 0), 2)
from sales.invoice_lines order by 1
"""

INVOICE_PROFIT = """
select invoice_id, count(*), sum(extended_price - tax_amount), sum(line_profit),
    round(100 * sum(line_profit) / nullif(sum(extended_price - tax_amount), 0), 2)
from sales.invoice_lines group by 1 order by 1
"""

INVOICES_TO_PAY = """
select t.customer_transaction_id, t.transaction_date, t.transaction_date + c.payment_days,
    t.finalization_date, t.finalization_date - t.transaction_date,
    greatest(coalesce(t.finalization_date, %(today)s) - t.transaction_date - c.payment_days, 0)
from sales.customer_transactions as t join sales.customers as c using (customer_id)
where t.invoice_id is not null and t.transaction_amount > 0 order by 1
"""

DAYS_TO_PAY = """
select t.customer_id, count(*),
    count(*) filter (where t.finalization_date > t.transaction_date + c.payment_days),
    round(avg(t.finalization_date - t.transaction_date), 2)
from sales.customer_transactions as t join sales.customers as c using (customer_id)
where t.invoice_id is not null and t.transaction_amount > 0 and t.is_finalized group by 1 order by 1
"""

# the simulator writes each (order, item) once in orders and once in invoices
ORDER_TO_CASH = """
with billed as (
    select l.invoice_line_id, i.*, l.stock_item_id, t.customer_transaction_id, t.transaction_date,
        t.finalization_date, p.customer_transaction_id as payment_id
    from sales.invoice_lines as l
    join sales.invoices as i using (invoice_id)
    left join sales.customer_transactions as t using (invoice_id)
    left join sales.customer_transactions as p
        on p.customer_id = t.customer_id and p.transaction_date = t.finalization_date and p.invoice_id is null
)
select l.order_line_id, o.order_id, coalesce(o.customer_id, b.customer_id), b.bill_to_customer_id,
    coalesce(l.stock_item_id, b.stock_item_id), b.invoice_line_id, b.invoice_id, b.customer_transaction_id,
    b.payment_id, o.order_date, o.expected_delivery_date, l.picking_completed_when::date, b.invoice_date,
    b.confirmed_delivery_time::date, b.transaction_date, b.finalization_date
from sales.order_lines as l
full join billed as b on b.order_id = l.order_id and b.stock_item_id = l.stock_item_id
left join sales.orders as o on o.order_id = coalesce(l.order_id, b.order_id)
order by 1 nulls last, 6
"""

PURCHASE_TO_PAY = """
select l.purchase_order_line_id, o.purchase_order_id, o.supplier_id, l.stock_item_id,
    m.stock_item_transaction_id, t.supplier_transaction_id, p.supplier_transaction_id, o.order_date,
    o.expected_delivery_date, m.transaction_occurred_when::date, t.transaction_date, t.finalization_date
from purchasing.purchase_order_lines as l
join purchasing.purchase_orders as o using (purchase_order_id)
left join warehouse.stock_item_transactions as m
    on m.purchase_order_id = l.purchase_order_id and m.stock_item_id = l.stock_item_id
left join purchasing.supplier_transactions as t on t.purchase_order_id = l.purchase_order_id
left join purchasing.supplier_transactions as p
    on p.supplier_id = t.supplier_id and p.transaction_date = t.finalization_date
    and p.purchase_order_id is null
order by 1
"""

PAYMENTS = """
select customer_transaction_id, -transaction_amount from sales.customer_transactions
where invoice_id is null order by 1
"""
