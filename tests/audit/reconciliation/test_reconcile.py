"""Reconciliation on a real warehouse: equal layers agree, and injected errors are found."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest

from audit.reconciliation.comparison import DayDifference, Reconciliation
from audit.reconciliation.reconcile import reconcile
from config.settings import Settings
from metadata.errors import WwiError
from metadata.mappings import Hub, HubMapping, Link, NonHistorizedLinkMapping, ReferenceMapping, Satellite
from metadata.reconciliation import Fact
from metadata.spec import Catalog, Column, Table
from tests import temporary_datasets
from warehouse.client import connect
from warehouse.queries import execute, query
from warehouse.tables import ensure_dataset

pytestmark = pytest.mark.services

ABOUT = "Something of the tests."
MONDAY, TUESDAY = date(2026, 1, 5), date(2026, 1, 6)


def columns(**types: str) -> tuple[Column, ...]:
    refers = {"order_id": "shop.orders.order_id"}
    return tuple(
        Column(name=name, type=kind, description=ABOUT, references=refers.get(name) if number else None)
        for number, (name, kind) in enumerate(types.items())
    )


def satellite(topic: str, *names: str) -> Satellite:
    return Satellite(topic=topic, description=ABOUT, columns=names)


# every kind of vault mapping, and every way to find the business day
SHOP = Catalog(
    hubs=tuple(
        Hub(name=name, description=ABOUT, business_key=(f"{name}_id",)) for name in ("order", "line", "box")
    ),
    tables=(
        Table(
            schema_name="shop", name="orders", description=ABOUT, primary_key=("order_id",),
            columns=columns(order_id="integer", order_date="date"), control_day="order_date",
            vault=HubMapping(hub="order", satellites=(satellite("details", "order_date"),)),
        ),
        Table(
            schema_name="shop", name="lines", description=ABOUT, primary_key=("line_id",),
            columns=columns(line_id="integer", order_id="integer", quantity="integer", price="numeric(18,2)"),
            computed_controls={"quantity": "quantity", "amount": "round(quantity * price, 2)"},
            control_day="order_id.order_date",
            vault=HubMapping(
                hub="line",
                link=Link(name="line", description=ABOUT, columns=("order_id",)),
                satellites=(satellite("ordered", "quantity"), satellite("price", "price")),
            ),
        ),
        Table(
            schema_name="shop", name="boxes", description=ABOUT, primary_key=("line_id",),
            columns=columns(line_id="integer", weight="integer"), computed_controls={"weight": "weight"},
            vault=HubMapping(hub="line", aspect="box", satellites=(satellite("box", "weight"),)),
        ),
        Table(
            schema_name="shop", name="moves", description=ABOUT, primary_key=("move_id",),
            columns=columns(
                move_id="integer", order_id="integer", moved_when="timestamp", quantity="integer",
                box_id="integer",
            ),
            computed_controls={"quantity": "quantity"}, control_day="moved_when",
            vault=NonHistorizedLinkMapping(
                event="move", description=ABOUT, occurred="moved_when", columns=("order_id",),
                hub_keys={"box_id": "box"},
                satellites=(satellite("details", "order_id", "moved_when", "quantity", "box_id"),),
            ).model_dump(),
        ),
        Table(
            schema_name="shop", name="colors", description=ABOUT, primary_key=("color_id",),
            columns=columns(color_id="integer"), vault=ReferenceMapping(reference="color").model_dump(),
        ),
    ),
)  # fmt: skip

FACTS = (
    Fact(
        name="fct_order",
        source="shop.lines",
        day="order_date_key",
        measures={"quantity": "quantity", "amount": "total_excluding_tax"},
    ),
    # one mart of two tables
    Fact(
        name="fct_entry", source="shop.lines", measures={"quantity": "quantity"}, where="line_id is not null"
    ),
    Fact(
        name="fct_entry",
        source="shop.moves",
        day="date_key",
        measures={"quantity": "quantity"},
        where="move_id is not null",
    ),
)

# Two batches: line 1 was changed, line 3 deleted, line 4 came; colour 2 was deleted. Batch 3 is void.
WAREHOUSE = """
create table {audit}.batches as
select 1 as batch_id, 'completed' as status, timestamp '2026-02-01 00:00:00+00' as load_dts
union all select 2, 'completed', timestamp '2026-02-02 00:00:00+00'
union all select 3, 'void', timestamp '2026-02-03 00:00:00+00';
create table {audit}.vault_loads as select 1 as batch_id union all select 2;
create table {audit}.table_loads as
select 2 as batch_id, name as table_name, if(name = 'shop.colors', null, 2) as days
from unnest(['shop.orders', 'shop.lines', 'shop.moves', 'shop.colors']) as name
union all select 1, 'shop.lines', 7 union all select 3, 'shop.lines', 7;
create table {audit}.rejected_values (
    batch_id int64, load_dts timestamp, table_name string, key string, column_name string, reason string
);
create table {audit}.control_totals (batch_id int64, table_name string, control string, value numeric(38, 9));
insert into {audit}.control_totals values
(1, 'shop.lines', 'rows', 99), (2, 'shop.lines', 'rows', 3),
(2, 'shop.lines', 'quantity', 26), (2, 'shop.lines', 'amount', 45.5),
(2, 'shop.orders', 'rows', 2), (2, 'shop.moves', 'rows', 2), (2, 'shop.moves', 'quantity', 7),
(2, 'shop.boxes', 'rows', 1), (2, 'shop.boxes', 'weight', 8),
(2, 'shop.colors', 'rows', 1), (3, 'shop.colors', 'rows', 77);
create table {audit}.daily_totals (
    batch_id int64, load_dts timestamp, table_name string, day date, control string, value numeric(38, 9)
);
insert into {audit}.daily_totals values
(1, timestamp '2026-02-01 00:00:00+00', 'shop.lines', date '2026-01-05', 'rows', 99),
(2, timestamp '2026-02-02 00:00:00+00', 'shop.lines', date '2026-01-05', 'rows', 2),
(2, timestamp '2026-02-02 00:00:00+00', 'shop.lines', date '2026-01-06', 'rows', 1),
(2, timestamp '2026-02-02 00:00:00+00', 'shop.lines', date '2026-01-05', 'quantity', 16),
(2, timestamp '2026-02-02 00:00:00+00', 'shop.lines', date '2026-01-06', 'quantity', 10),
(2, timestamp '2026-02-02 00:00:00+00', 'shop.lines', date '2026-01-05', 'amount', 26.5),
(2, timestamp '2026-02-02 00:00:00+00', 'shop.lines', date '2026-01-06', 'amount', 19),
(2, timestamp '2026-02-02 00:00:00+00', 'shop.orders', date '2026-01-05', 'rows', 1),
(2, timestamp '2026-02-02 00:00:00+00', 'shop.orders', date '2026-01-06', 'rows', 1),
(2, timestamp '2026-02-02 00:00:00+00', 'shop.moves', date '2026-01-05', 'rows', 1),
(2, timestamp '2026-02-02 00:00:00+00', 'shop.moves', date '2026-01-06', 'rows', 1),
(2, timestamp '2026-02-02 00:00:00+00', 'shop.moves', date '2026-01-05', 'quantity', 3),
(2, timestamp '2026-02-02 00:00:00+00', 'shop.moves', date '2026-01-06', 'quantity', 4);

create table {raw}.shop__orders as
select 1 as order_id, date '2026-01-05' as order_date, 1 as batch_id,
    timestamp '2026-02-01 00:00:00+00' as load_dts, 'upsert' as change_type
union all select 2, date '2026-01-06', 1, timestamp '2026-02-01 00:00:00+00', 'upsert';
create table {raw}.shop__lines (
    line_id int64, order_id int64, quantity int64, price numeric(18, 3), batch_id int64, load_dts timestamp,
    change_type string
);
insert into {raw}.shop__lines values
(1, 1, 10, 1.5, 1, timestamp '2026-02-01 00:00:00+00', 'upsert'),
(2, 1, 5, 2, 1, timestamp '2026-02-01 00:00:00+00', 'upsert'),
(3, 2, 7, 9, 1, timestamp '2026-02-01 00:00:00+00', 'upsert'),
(1, 1, 11, 1.5, 2, timestamp '2026-02-02 00:00:00+00', 'upsert'),
(3, null, null, null, 2, timestamp '2026-02-02 00:00:00+00', 'delete'),
(4, 2, 10, 1.9, 2, timestamp '2026-02-02 00:00:00+00', 'upsert'),
(9, 1, 1, 1, 3, timestamp '2026-02-03 00:00:00+00', 'upsert');
create table {raw}.shop__boxes as
select 1 as line_id, 8 as weight, 1 as batch_id, timestamp '2026-02-01 00:00:00+00' as load_dts,
    'upsert' as change_type;
create table {raw}.shop__moves as
select 1 as move_id, 1 as order_id, datetime '2026-01-05 09:00:00' as moved_when, 3 as quantity, 6 as box_id,
    1 as batch_id, timestamp '2026-02-01 00:00:00+00' as load_dts, 'upsert' as change_type
union all
select 2, cast(null as int64), datetime '2026-01-06 23:59:59', 4, 6,
    2, timestamp '2026-02-02 00:00:00+00', 'upsert';
create table {raw}.shop__colors as
select 1 as color_id, 1 as batch_id, timestamp '2026-02-01 00:00:00+00' as load_dts, 'upsert' as change_type
union all select 2, 1, timestamp '2026-02-01 00:00:00+00', 'upsert'
union all select 2, 2, timestamp '2026-02-02 00:00:00+00', 'delete';

create table {raw_vault}.hub_order as
select md5(cast(order_id as string)) as order_hk, order_id from {raw}.shop__orders;
create table {raw_vault}.sat_order__details as
select md5(cast(order_id as string)) as order_hk, order_date, load_dts from {raw}.shop__orders;
create table {raw_vault}.sat_order__status as
select md5(cast(order_id as string)) as order_hk, false as is_deleted, load_dts from {raw}.shop__orders;

create table {raw_vault}.hub_line as
select md5(cast(id as string)) as line_hk, id as line_id from unnest([1, 2, 3, 4]) as id;
create table {raw_vault}.sat_line__ordered as
select md5(cast(line_id as string)) as line_hk, quantity, load_dts
from {raw}.shop__lines where change_type = 'upsert' and batch_id < 3;
create table {raw_vault}.sat_line__price as
select md5(cast(line_id as string)) as line_hk, price, load_dts
from {raw}.shop__lines where change_type = 'upsert' and batch_id = 1 or line_id = 4;
create table {raw_vault}.sat_line__status as
select md5(cast(line_id as string)) as line_hk, change_type = 'delete' as is_deleted, load_dts
from {raw}.shop__lines where batch_id < 3 and (line_id != 1 or batch_id = 1);
create table {raw_vault}.link_line as
select md5(format('%d-%d', line_id, order_id)) as link_line_hk, md5(cast(line_id as string)) as line_hk,
    md5(cast(order_id as string)) as order_hk
from {raw}.shop__lines where change_type = 'upsert' and batch_id = 1 or line_id = 4;
create table {raw_vault}.eff_sat_line as
select md5(cast(line_id as string)) as line_hk, md5(format('%d-%d', line_id, order_id)) as link_line_hk,
    load_dts
from {raw}.shop__lines where change_type = 'upsert' and batch_id = 1 or line_id = 4;
create table {raw_vault}.sat_line__box as
select md5(cast(line_id as string)) as line_hk, weight, load_dts from {raw}.shop__boxes;
create table {raw_vault}.sat_line__box_status as
select md5(cast(line_id as string)) as line_hk, false as is_deleted, load_dts from {raw}.shop__boxes;

create table {raw_vault}.hub_box as select md5('6') as box_hk, 6 as box_id;
create table {raw_vault}.nh_link_move as
select md5(cast(move_id as string)) as move_hk, md5(coalesce(cast(order_id as string), '~,')) as order_hk,
    md5('6') as box_hk, move_id, moved_when, load_dts
from {raw}.shop__moves;
create table {raw_vault}.sat_move__details as
select md5(cast(move_id as string)) as move_hk, order_id, moved_when, quantity, box_id, load_dts
from {raw}.shop__moves;
create table {raw_vault}.sat_move__status as
select md5(cast(move_id as string)) as move_hk, false as is_deleted, load_dts from {raw}.shop__moves;
create table {raw_vault}.ref_color as
select md5(cast(color_id as string)) as color_hk, color_id, load_dts
from {raw}.shop__colors where change_type = 'upsert';
create table {raw_vault}.ref_color__status as
select md5(cast(color_id as string)) as color_hk, change_type = 'delete' as is_deleted, load_dts
from {raw}.shop__colors;

create table {marts}.fct_order (
    order_key int64, order_date_key date, quantity int64, total_excluding_tax numeric(18, 2), is_deleted bool
);
insert into {marts}.fct_order values
(1, date '2026-01-05', 11, 16.5, false), (2, date '2026-01-05', 5, 10, false),
(3, date '2026-01-06', 7, 63, true), (4, date '2026-01-06', 10, 19, false);
create table {marts}.fct_entry as
select line_id, cast(null as int64) as move_id, date '2026-01-05' as date_key, quantity,
    line_id = 3 as is_deleted
from unnest([struct(1 as line_id, 11 as quantity), struct(2, 5), struct(3, 7), struct(4, 10)])
union all select null, move_id, date(moved_when), quantity, false from {raw}.shop__moves;
"""


@pytest.fixture
def empty(services: Settings) -> Iterator[Settings]:
    """A warehouse without tables."""
    prefix = temporary_datasets.new_prefix(services, "reconcile")
    settings = services.model_copy(update={"dataset_prefix": prefix})
    with temporary_datasets.datasets(settings, ("_audit", "_raw", "_raw_vault", "_marts")):
        yield settings


@pytest.fixture
def warehouse(empty: Settings) -> Settings:
    """A warehouse in which all layers agree."""
    client = connect(empty)
    for layer in ("audit", "raw", "raw_vault", "marts"):
        ensure_dataset(client, empty, layer)
    for statement in _named(WAREHOUSE, empty).split(";"):
        if statement.strip():
            execute(client, statement)
    return empty


def _named(sql: str, settings: Settings) -> str:
    layers = ("audit", "raw", "raw_vault", "marts")
    return sql.format(**{layer: settings.dataset(layer) for layer in layers})


def _wrong(found: Reconciliation) -> set[tuple[str, str, str]]:
    return {(each.table, each.control, each.layer) for each in found.differences}


def test_equal_layers_agree(warehouse: Settings) -> None:
    found = reconcile(warehouse, SHOP, FACTS)
    assert not found.differences
    assert {each.layer for each in found.comparisons} == {"raw", "vault", "fct_order", "fct_entry"}
    for layer in ("raw", "vault"):
        assert {each.table for each in found.comparisons if each.layer == layer} == {
            table.qualified for table in SHOP.tables
        }
    (rows,) = (
        c for c in found.comparisons if (c.table, c.control, c.layer) == ("shop.lines", "rows", "vault")
    )
    assert (rows.batch_id, rows.source, rows.value, rows.days) == (2, Decimal(3), Decimal(3), 2)
    by_day = {(each.table, each.layer) for each in found.comparisons if each.days is not None}
    assert by_day == {
        *((f"shop.{table}", layer) for table in ("orders", "lines", "moves") for layer in ("raw", "vault")),
        ("shop.lines", "fct_order"),
        ("shop.moves", "fct_entry"),
    }


LATE = "load_dts > timestamp '2026-02-01 12:00:00+00'"
ALL = ("rows", "quantity", "amount")


def lines_in(layer: str, *controls: str) -> set[tuple[str, str, str]]:
    return {("shop.lines", control, layer) for control in controls}


@pytest.mark.parametrize(
    ("mistake", "expected"),
    [
        pytest.param(
            "update {raw}.shop__lines set price = 1.901 where line_id = 4",
            lines_in("raw", "amount"),
            id="one cent in raw",
        ),
        pytest.param(
            "delete from {raw}.shop__colors where color_id = 1",
            {("shop.colors", "rows", "raw")},
            id="a row missing in raw",
        ),
        pytest.param(
            "insert into {raw}.shop__lines select * from {raw}.shop__lines where line_id = 4",
            lines_in("raw", *ALL),
            id="a row twice in raw",
        ),
        pytest.param(
            "update {raw}.shop__lines set quantity = case line_id when 2 then 6 else 9 end "
            "where line_id in (2, 4)",
            lines_in("raw", "quantity", "amount"),
            id="two mistakes in raw that cancel out",
        ),
        pytest.param(
            "update {raw_vault}.sat_line__price set price = 1.901 where " + LATE,
            lines_in("vault", "amount"),
            id="one cent in the vault",
        ),
        pytest.param(
            "delete from {raw_vault}.hub_line where line_id = 2",
            lines_in("vault", *ALL),
            id="a key missing in a hub",
        ),
        pytest.param(
            "delete from {raw_vault}.eff_sat_line where " + LATE,
            lines_in("vault", *ALL),
            id="a relationship missing",
        ),
        pytest.param(
            "delete from {raw_vault}.sat_line__price where " + LATE,
            lines_in("vault", *ALL),
            id="a row missing in a satellite",
        ),
        pytest.param(
            "insert into {raw_vault}.sat_line__ordered "
            "select * from {raw_vault}.sat_line__ordered where quantity = 5",
            lines_in("vault", *ALL),
            id="a row twice in a satellite",
        ),
        pytest.param(
            "update {raw_vault}.sat_line__ordered set quantity = case when quantity = 5 then 6 else 9 end "
            "where quantity = 5 or (quantity = 10 and " + LATE + ")",
            lines_in("vault", "quantity", "amount"),
            id="two mistakes in the vault that cancel out",
        ),
        pytest.param(
            "update {raw_vault}.sat_order__details set order_date = date '2026-01-07' "
            "where order_date = date '2026-01-06'",
            lines_in("vault", *ALL) | {("shop.orders", "rows", "vault")},
            id="the day of an order in the vault",
        ),
        pytest.param(
            "insert into {raw_vault}.ref_color__status "
            "select color_hk, true, timestamp '2026-02-04 00:00:00+00' "
            "from {raw_vault}.ref_color where color_id = 1",
            {("shop.colors", "rows", "vault")},
            id="a row deleted in the vault alone",
        ),
        pytest.param(
            "delete from {raw_vault}.nh_link_move where move_id = 2",
            {("shop.moves", "rows", "vault"), ("shop.moves", "quantity", "vault")},
            id="an event missing",
        ),
        pytest.param(
            "update {raw_vault}.sat_line__box set weight = 9 where weight = 8",
            {("shop.boxes", "weight", "vault")},
            id="a value of a second table of a hub",
        ),
        pytest.param(
            "update {marts}.fct_order set total_excluding_tax = 19.01 where order_key = 4",
            lines_in("fct_order", "amount"),
            id="one cent in a mart",
        ),
        pytest.param(
            "delete from {marts}.fct_order where order_key = 2",
            lines_in("fct_order", *ALL),
            id="a row missing in a mart",
        ),
        pytest.param(
            "insert into {marts}.fct_order select * from {marts}.fct_order where order_key = 2",
            lines_in("fct_order", *ALL),
            id="a row twice in a mart",
        ),
        pytest.param(
            "delete from {marts}.fct_order where true", lines_in("fct_order", *ALL), id="an empty mart"
        ),
        pytest.param(
            "update {marts}.fct_order set quantity = case order_key when 2 then 6 else 9 end "
            "where order_key in (2, 4)",
            lines_in("fct_order", "quantity"),
            id="two mistakes in a mart that cancel out",
        ),
        pytest.param(
            "update {marts}.fct_entry set quantity = 5 where move_id = 2",
            {("shop.moves", "quantity", "fct_entry")},
            id="one of the two sources of a mart",
        ),
    ],
)
def test_injected_errors_are_found(
    warehouse: Settings, mistake: str, expected: set[tuple[str, str, str]]
) -> None:
    execute(connect(warehouse), _named(mistake, warehouse))
    assert _wrong(reconcile(warehouse, SHOP, FACTS)) == expected


def test_differing_days_are_reported_and_recorded(warehouse: Settings) -> None:
    client = connect(warehouse)
    swap = "update {marts}.fct_order set quantity = 15 - quantity where order_key in (2, 4)"
    execute(client, _named(swap, warehouse))
    (found,) = reconcile(warehouse, SHOP, FACTS).differences
    assert found.source == found.value == Decimal(26)
    assert (found.days, found.days_different) == (2, 2)
    assert found.first_days == (
        DayDifference(MONDAY, Decimal(16), Decimal(21)),
        DayDifference(TUESDAY, Decimal(10), Decimal(5)),
    )
    wanted = "select layer, control, day, source_value, layer_value from {audit}.reconciled_days order by day"
    kept = [tuple(row.values()) for row in query(client, _named(wanted, warehouse))]
    assert kept == [
        ("fct_order", "quantity", MONDAY, Decimal(16), Decimal(21)),
        ("fct_order", "quantity", TUESDAY, Decimal(10), Decimal(5)),
    ]


def test_lines_with_headers_of_another_batch_are_compared_only_in_total(warehouse: Settings) -> None:
    for table in ("control_totals", "table_loads", "daily_totals"):
        moved = f"update {{audit}}.{table} set batch_id = 1 where batch_id = 2 and table_name = 'shop.orders'"
        execute(connect(warehouse), _named(moved, warehouse))
    found = reconcile(warehouse, SHOP, FACTS)
    assert not [each for each in found.differences if each.table == "shop.lines"]
    assert {each.days for each in found.comparisons if each.table == "shop.lines"} == {None}


def test_every_comparison_is_recorded(warehouse: Settings) -> None:
    client = connect(warehouse)
    first = reconcile(warehouse, SHOP, FACTS)
    execute(client, _named("update {marts}.fct_order set quantity = 12 where order_key = 1", warehouse))
    reconcile(warehouse, SHOP, FACTS)
    rows = query(
        client,
        _named(
            "select count(*) as n, countif(not is_equal) as wrong, count(distinct reconciled_at) as times, "
            "max(layer_value) as largest from {audit}.reconciliations",
            warehouse,
        ),
    )
    assert rows == [{"n": 2 * len(first.comparisons), "wrong": 1, "times": 2, "largest": Decimal("45.5")}]


def test_a_pending_batch_is_reported(warehouse: Settings) -> None:
    execute(connect(warehouse), _named("delete from {audit}.vault_loads where batch_id = 2", warehouse))
    assert reconcile(warehouse, SHOP, FACTS).vault_is_behind == (2,)


def test_before_the_first_batch_the_error_says_wwi_run(empty: Settings) -> None:
    with pytest.raises(WwiError, match="Run `wwi run`"):
        reconcile(empty, SHOP, FACTS)


def test_before_the_first_build_the_error_says_wwi_build(warehouse: Settings) -> None:
    execute(connect(warehouse), _named("drop table {raw_vault}.hub_line", warehouse))
    with pytest.raises(WwiError, match="Run `wwi build`"):
        reconcile(warehouse, SHOP, FACTS)
