"""Reconciliation on a real warehouse: what adds up, and which planted mistakes are found."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from ingestion.bigquery import connect, ensure_dataset, execute, query
from ingestion.settings import Settings
from metadata.errors import WwiError
from metadata.reconciliation import Fact
from metadata.spec import Catalog
from questions.reconcile import Reconciliation, reconcile
from tests import throw_away

pytestmark = pytest.mark.services

FACTS = (
    Fact(
        name="fct_order",
        source="sales.order_lines",
        measures={"quantity": "quantity", "total_excluding_tax": "total_excluding_tax"},
    ),
)

# Two batches: line 1 was changed, line 3 deleted, line 4 came; colour 2 was deleted.
WAREHOUSE = """
create table {audit}.batches as
select 1 as batch_id, 'completed' as status union all select 2, 'completed' union all select 3, 'void';
create table {audit}.vault_loads as select 1 as batch_id union all select 2;
create table {audit}.control_totals (batch_id int64, table_name string, control string, value numeric(38, 9));
insert into {audit}.control_totals values
(1, 'sales.order_lines', 'rows', 99), (2, 'sales.order_lines', 'rows', 3),
(2, 'sales.order_lines', 'quantity', 26), (2, 'sales.order_lines', 'total_excluding_tax', 45.5),
(2, 'warehouse.colors', 'rows', 1), (3, 'warehouse.colors', 'rows', 77);

create table {raw}.sales__order_lines (
    order_line_id int64, quantity int64, picked_quantity int64, unit_price numeric(18, 2),
    tax_rate numeric(18, 3), batch_id int64, load_dts timestamp, change_type string
);
insert into {raw}.sales__order_lines values
(1, 10, 0, 1.5, 15, 1, timestamp '2026-01-01 00:00:00+00', 'upsert'),
(2, 5, 0, 2, 15, 1, timestamp '2026-01-01 00:00:00+00', 'upsert'),
(3, 7, 0, 9, 15, 1, timestamp '2026-01-01 00:00:00+00', 'upsert'),
(1, 11, 0, 1.5, 15, 2, timestamp '2026-01-02 00:00:00+00', 'upsert'),
(3, null, null, null, null, 2, timestamp '2026-01-02 00:00:00+00', 'delete'),
(4, 10, 0, 1.9, 15, 2, timestamp '2026-01-02 00:00:00+00', 'upsert'),
(9, 1, 0, 1, 15, 3, timestamp '2026-01-03 00:00:00+00', 'upsert');
create table {raw}.warehouse__colors as
select 1 as color_id, 1 as batch_id, timestamp '2026-01-01 00:00:00+00' as load_dts, 'upsert' as change_type
union all select 2, 1, timestamp '2026-01-01 00:00:00+00', 'upsert'
union all select 2, 2, timestamp '2026-01-02 00:00:00+00', 'delete';

create table {raw_vault}.hub_order_line as
select md5(cast(id as string)) as order_line_hk, id as order_line_id from unnest([1, 2, 3, 4]) as id;
create table {raw_vault}.sat_order_line__details as
select md5(cast(order_line_id as string)) as order_line_hk, quantity, unit_price, tax_rate, load_dts
from {raw}.sales__order_lines where change_type = 'upsert' and batch_id < 3;
create table {raw_vault}.sat_order_line__progress as
select md5(cast(order_line_id as string)) as order_line_hk, picked_quantity, load_dts
from {raw}.sales__order_lines where change_type = 'upsert' and batch_id < 3;
create table {raw_vault}.sat_order_line__status as
select md5(cast(order_line_id as string)) as order_line_hk, change_type = 'delete' as is_deleted, load_dts
from {raw}.sales__order_lines where batch_id < 3;
create table {raw_vault}.ref_color as
select md5(cast(color_id as string)) as color_hk, color_id, load_dts
from {raw}.warehouse__colors where change_type = 'upsert';
create table {raw_vault}.ref_color__status as
select md5(cast(color_id as string)) as color_hk, change_type = 'delete' as is_deleted, load_dts
from {raw}.warehouse__colors;

create table {marts}.fct_order (
    order_key int64, quantity int64, total_excluding_tax numeric(18, 2), is_deleted bool
);
insert into {marts}.fct_order values
(1, 11, 16.5, false), (2, 5, 10, false), (3, 7, 63, true), (4, 10, 19, false);
"""


@pytest.fixture
def empty(services: Settings) -> Iterator[Settings]:
    """A warehouse of no table."""
    prefix = throw_away.new_prefix(services, "reconcile")
    settings = services.model_copy(update={"dataset_prefix": prefix})
    with throw_away.datasets(settings, ("_audit", "_raw", "_raw_vault", "_marts")):
        yield settings


@pytest.fixture
def warehouse(empty: Settings) -> Settings:
    """A warehouse of two tables in which everything adds up."""
    client = connect(empty)
    for layer in ("audit", "raw", "raw_vault", "marts"):
        ensure_dataset(client, empty, layer)
    for statement in _named(WAREHOUSE, empty).split(";"):
        if statement.strip():
            execute(client, statement)
    return empty


@pytest.fixture
def two_tables(catalog: Catalog) -> Catalog:
    """The catalog cut down to what the warehouse holds."""
    names = ("sales.order_lines", "warehouse.colors")
    return catalog.model_copy(update={"tables": tuple(catalog.table(name) for name in names)})


def _named(sql: str, settings: Settings) -> str:
    layers = ("audit", "raw", "raw_vault", "marts")
    return sql.format(**{layer: settings.dataset(layer) for layer in layers})


def _wrong(found: Reconciliation) -> set[tuple[str, str, str]]:
    return {(each.table, each.control, each.layer) for each in found.differences}


def test_layers_that_hold_the_same_agree(warehouse: Settings, two_tables: Catalog) -> None:
    found = reconcile(warehouse, two_tables, FACTS)
    assert not found.differences
    assert {each.layer for each in found.comparisons} == {"raw", "vault", "fct_order"}
    (rows,) = (
        c
        for c in found.comparisons
        if (c.table, c.control, c.layer) == ("sales.order_lines", "rows", "vault")
    )
    assert (rows.batch_id, rows.source, rows.value) == (2, Decimal(3), Decimal(3))


@pytest.mark.parametrize(
    ("mistake", "expected"),
    [
        pytest.param(
            "update {marts}.fct_order set total_excluding_tax = 19.01 where order_key = 4",
            {("sales.order_lines", "total_excluding_tax", "fct_order")},
            id="one cent in a mart",
        ),
        pytest.param(
            "update {raw_vault}.sat_order_line__details set unit_price = 1.91 where quantity = 10 "
            "and load_dts > timestamp '2026-01-01 12:00:00+00'",
            {("sales.order_lines", "total_excluding_tax", "vault")},
            id="one cent in the vault",
        ),
        pytest.param(
            "delete from {marts}.fct_order where order_key = 2",
            {
                ("sales.order_lines", "rows", "fct_order"),
                ("sales.order_lines", "quantity", "fct_order"),
                ("sales.order_lines", "total_excluding_tax", "fct_order"),
            },
            id="a row missing in a mart",
        ),
        pytest.param(
            "delete from {raw}.warehouse__colors where color_id = 1",
            {("warehouse.colors", "rows", "raw")},
            id="a row missing in raw",
        ),
        pytest.param(
            "delete from {raw_vault}.hub_order_line where order_line_id = 2",
            {
                ("sales.order_lines", "rows", "vault"),
                ("sales.order_lines", "quantity", "vault"),
                ("sales.order_lines", "total_excluding_tax", "vault"),
            },
            id="a key missing in a hub",
        ),
        pytest.param(
            "insert into {raw}.warehouse__colors select * from {raw}.warehouse__colors where color_id = 1",
            {("warehouse.colors", "rows", "raw")},
            id="a row twice in raw",
        ),
        pytest.param(
            "insert into {raw_vault}.ref_color__status "
            "select color_hk, true, timestamp '2026-01-04 00:00:00+00' "
            "from {raw_vault}.ref_color where color_id = 1",
            {("warehouse.colors", "rows", "vault")},
            id="a row deleted in the vault alone",
        ),
    ],
)
def test_planted_mistakes_are_found(
    warehouse: Settings, two_tables: Catalog, mistake: str, expected: set[tuple[str, str, str]]
) -> None:
    execute(connect(warehouse), _named(mistake, warehouse))
    assert _wrong(reconcile(warehouse, two_tables, FACTS)) == expected


def test_every_comparison_is_recorded(warehouse: Settings, two_tables: Catalog) -> None:
    client = connect(warehouse)
    first = reconcile(warehouse, two_tables, FACTS)
    execute(client, _named("update {marts}.fct_order set quantity = 12 where order_key = 1", warehouse))
    reconcile(warehouse, two_tables, FACTS)
    rows = query(
        client,
        _named(
            "select count(*) as n, countif(not is_equal) as wrong, count(distinct reconciled_at) as times, "
            "max(layer_value) as largest from {audit}.reconciliations",
            warehouse,
        ),
    )
    assert rows == [{"n": 2 * len(first.comparisons), "wrong": 1, "times": 2, "largest": Decimal("45.5")}]


def test_a_batch_that_no_build_took_up_is_named(warehouse: Settings, two_tables: Catalog) -> None:
    execute(connect(warehouse), _named("delete from {audit}.vault_loads where batch_id = 2", warehouse))
    assert reconcile(warehouse, two_tables, FACTS).vault_is_behind == (2,)


def test_before_the_first_batch_the_mend_is_to_run(empty: Settings, two_tables: Catalog) -> None:
    with pytest.raises(WwiError, match="Run `wwi run`"):
        reconcile(empty, two_tables, FACTS)


def test_before_the_first_build_the_mend_is_to_build(warehouse: Settings, two_tables: Catalog) -> None:
    execute(connect(warehouse), _named("drop table {raw_vault}.hub_order_line", warehouse))
    with pytest.raises(WwiError, match="Run `wwi build`"):
        reconcile(warehouse, two_tables, FACTS)
