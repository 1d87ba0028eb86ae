"""Check the rules that hold at the end of each day (business_rules.md, section 20) with SQL.

Each query returns the rows that violate a rule.
"""

import psycopg
import pytest

from metadata.spec import Catalog

from .conftest import Spring

pytestmark = pytest.mark.services

NONE_MAY_BREAK = {
    "invoice lines add up to the ledger entry": """
        with lines as (
            select invoice_id, sum(extended_price) as total, sum(tax_amount) as tax
            from sales.invoice_lines
            group by 1
        )
        select invoice_id, l.total, t.transaction_amount
        from sales.invoices
        left join lines as l using (invoice_id)
        left join sales.customer_transactions as t using (invoice_id)
        where (t.transaction_amount, t.tax_amount, t.amount_excluding_tax) is distinct from
            (l.total, l.tax, l.total - l.tax)
    """,
    "amounts of a line are computed from quantity, price, rate and cost": """
        select invoice_line_id
        from sales.invoice_lines as l
        inner join warehouse.stock_item_holdings as h using (stock_item_id)
        where tax_amount <> round(l.quantity * unit_price * tax_rate / 100, 2)
            or extended_price <> round(l.quantity * unit_price, 2) + tax_amount
            or line_profit <> round(l.quantity * (unit_price - last_cost_price), 2)
    """,
    "a line is picked completely or not at all": """
        select order_line_id from sales.order_lines
        where picked_quantity <> case when picking_completed_when is null then 0 else quantity end
    """,
    "an order has at most one invoice": """
        select order_id from sales.invoices where order_id is not null group by 1 having count(*) > 1
    """,
    "an order without an open line is invoiced": """
        select order_id from sales.orders where picking_completed_when is not null
        except
        select order_id from sales.invoices
    """,
    "an invoice has the picked lines of its order": """
        select i.invoice_id, l.stock_item_id, l.quantity, l.unit_price
        from sales.invoices as i inner join sales.order_lines as l using (order_id)
        where not i.is_credit_note
        except
        select invoice_id, stock_item_id, quantity, unit_price from sales.invoice_lines
    """,
    "every invoice line has one stock issue": """
        (
            select invoice_id, stock_item_id, -quantity from sales.invoice_lines
            where invoice_id in (select invoice_id from sales.invoices where not is_credit_note)
            except all
            select invoice_id, stock_item_id, quantity from warehouse.stock_item_transactions
            where quantity < 0
        )
        union all
        select invoice_id, stock_item_id, quantity from warehouse.stock_item_transactions
        where transaction_type_id = 10 and quantity < 0
        group by 1, 2, 3
        having count(*) > 1
    """,
    "goods are returned only on credit notes, and not more than credited": """
        select t.invoice_id
        from warehouse.stock_item_transactions as t
        inner join sales.invoices as i using (invoice_id)
        inner join sales.invoice_lines as l using (invoice_id, stock_item_id)
        where t.quantity > 0 and (not i.is_credit_note or t.quantity > -l.quantity)
    """,
    "credit notes are negative, for no order, with a reason": """
        select invoice_id
        from sales.invoices inner join sales.invoice_lines using (invoice_id)
        where is_credit_note <> (quantity < 0)
            or is_credit_note <> (credit_note_reason is not null)
            or is_credit_note <> (order_id is null)
    """,
    "nothing is invoiced before it is ordered or delivered before it is invoiced": """
        select invoice_id
        from sales.invoices left join sales.orders using (order_id)
        where invoice_date < order_date or confirmed_delivery_time <= invoice_date + 1
    """,
    "the delivery document agrees with the columns": """
        select invoice_id
        from sales.invoices
        where confirmed_delivery_time is distinct from
            (returned_delivery_data::json ->> 'DeliveredWhen')::timestamp
            or confirmed_received_by is distinct from returned_delivery_data::json ->> 'ReceivedBy'
            or (
                confirmed_delivery_time is not null
                and returned_delivery_data::json -> 'Events' -> -1 ->> 'Status' is distinct from 'Delivered'
            )
    """,
    "finalized entries have a date and no balance": """
        select customer_transaction_id from sales.customer_transactions
        where is_finalized <> (finalization_date is not null)
            or outstanding_balance <> case
                when finalization_date is null then transaction_amount else 0 end
        union all
        select supplier_transaction_id from purchasing.supplier_transactions
        where is_finalized <> (finalization_date is not null)
            or outstanding_balance <> case
                when finalization_date is null then transaction_amount else 0 end
    """,
    "a payment equals the entries that it settles": """
        select customer_id, finalization_date from sales.customer_transactions
        where is_finalized group by 1, 2 having sum(transaction_amount) <> 0
        union all
        select supplier_id, finalization_date from purchasing.supplier_transactions
        where is_finalized group by 1, 2 having sum(transaction_amount) <> 0
    """,
    "received goods are in stock movements and the supplier ledger": """
        with received as (
            select
                purchase_order_id,
                sum(received_outers * quantity_per_outer) as units,
                sum(received_outers * expected_unit_price_per_outer) as net
            from purchasing.purchase_order_lines inner join warehouse.stock_items using (stock_item_id)
            where is_order_line_finalized and received_outers = ordered_outers
            group by 1
        ),
        booked as (
            select purchase_order_id, sum(quantity) as units
            from warehouse.stock_item_transactions
            where transaction_type_id = 11
            group by 1
        )
        select purchase_order_id
        from purchasing.purchase_orders as o
        left join received as r using (purchase_order_id)
        left join booked as b using (purchase_order_id)
        left join purchasing.supplier_transactions as t using (purchase_order_id)
        where o.is_order_finalized <> (r.units is not null)
            or r.units is distinct from b.units
            or r.net is distinct from t.amount_excluding_tax
    """,
    "goods arrive on a weekday, not before they are expected": """
        select purchase_order_id
        from purchasing.purchase_orders inner join purchasing.purchase_order_lines using (purchase_order_id)
        where last_receipt_date < expected_delivery_date or extract(isodow from last_receipt_date) > 5
    """,
    "stock is never negative": """
        select stock_item_id from warehouse.stock_item_holdings where quantity_on_hand < 0
    """,
    "a backorder has lines of one order": """
        select backorder_order_id from sales.orders
        where backorder_order_id is not null group by 1 having count(*) > 1
        union all
        select o.order_id
        from sales.orders as o inner join sales.orders as b on o.backorder_order_id = b.order_id
        where (o.customer_id, o.order_date, o.customer_purchase_order_number) is distinct from
            (b.customer_id, b.order_date, b.customer_purchase_order_number)
    """,
    "an order has lines, and each item once": """
        select o.order_id from sales.orders as o left join sales.order_lines as l using (order_id)
        where l.order_id is null
        union all
        select order_id from sales.order_lines group by order_id, stock_item_id having count(*) > 1
    """,
    "the three transaction tables share one sequence": """
        select id from (
            select customer_transaction_id as id from sales.customer_transactions
            union all select supplier_transaction_id from purchasing.supplier_transactions
            union all select stock_item_transaction_id from warehouse.stock_item_transactions
        ) as ids group by 1 having count(*) > 1
    """,
    "computed columns agree with the others": """
        select person_id from application.people
        where search_name <> preferred_name || ' ' || full_name
            or other_languages is distinct from (custom_fields::json ->> 'OtherLanguages')
        union all
        select stock_item_id from warehouse.stock_items
        where search_details <> stock_item_name || ' ' || coalesce(marketing_comments, '')
            or tags is distinct from (custom_fields::json ->> 'Tags')
    """,
    "a cold room reading is valid until the sensor's next one": """
        select cold_room_temperature_id from (
            select *, lead(recorded_when, 1, '9999-12-31 23:59:59') over (
                partition by cold_room_sensor_number order by recorded_when
            ) as following
            from warehouse.cold_room_temperatures
        ) as readings
        where valid_from <> recorded_when or valid_to <> following or temperature not between 3 and 5
    """,
    "a vehicle reading has its document, as text or compressed": """
        select vehicle_temperature_id from warehouse.vehicle_temperatures
        where is_compressed <> (full_sensor_data is null)
            or is_compressed <> (compressed_sensor_data is not null)
            or (full_sensor_data::json #>> '{Recordings,0,properties,temp}')::numeric <> temperature
    """,
    "columns that are unique in SQL Server are unique": """
        select customer_name from sales.customers group by 1 having count(*) > 1
        union all select stock_item_name from warehouse.stock_items group by 1 having count(*) > 1
        union all
        select city_name from application.cities group by city_name, state_province_id having count(*) > 1
    """,
    "a deal has either a price, an amount or a percentage": """
        select special_deal_id from sales.special_deals
        where num_nonnulls(unit_price, discount_amount, discount_percentage) <> 1
            or (unit_price is not null and stock_item_id is null)
            or customer_category_id not in (select customer_category_id from sales.customer_categories)
    """,
}


@pytest.fixture(scope="module")
def books(spring: Spring) -> psycopg.Connection:
    """Connect to the simulated spring."""
    return psycopg.connect(spring.dsn, connect_timeout=10, autocommit=True)


@pytest.mark.parametrize("rule", NONE_MAY_BREAK)
def test_business_rule_holds(books: psycopg.Connection, rule: str) -> None:
    broken = books.execute(NONE_MAY_BREAK[rule].encode()).fetchall()
    assert not broken, f"{rule}: {len(broken)} violations, for example {broken[:3]}"


def test_stock_equals_opening_stock_plus_movements(books: psycopg.Connection, spring: Spring) -> None:
    on_hand = dict(
        books.execute("select stock_item_id, quantity_on_hand from warehouse.stock_item_holdings").fetchall()
    )
    movements = "select stock_item_id, sum(quantity) from warehouse.stock_item_transactions group by 1"
    moved = dict(books.execute(movements).fetchall())
    for item, opening in spring.opening_stock.items():
        assert on_hand[item] == opening + moved.get(item, 0), f"item {item}"


def test_required_columns_are_never_null(books: psycopg.Connection, catalog: Catalog) -> None:
    for table in catalog.tables:
        needed = [column.name for column in table.columns if not column.nullable]
        query = f"select {', '.join(f'count(*) - count({name})' for name in needed)} from {table.qualified}"
        missing = books.execute(query.encode()).fetchone()
        assert missing is not None
        assert not any(missing), f"{table.qualified}: {dict(zip(needed, missing, strict=True))}"


def test_every_foreign_key_has_its_row(books: psycopg.Connection, catalog: Catalog) -> None:
    for table in catalog.tables:
        for column, target in table.foreign_keys.items():
            parent, _, key = target.rpartition(".")
            query = (
                f"select count(*) from {table.qualified} t where t.{column} is not null "
                f"and not exists (select from {parent} p where p.{key} = t.{column})"
            )
            assert books.execute(query.encode()).fetchone() == (0,), f"{table.qualified}.{column}"
