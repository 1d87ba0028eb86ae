"""Changes of values without written rows are in raw after the next batch."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import psycopg
import pytest

from config.errors import TransientError
from config.settings import Settings
from ingestion.report import BatchReport, Progress, TableReport
from ingestion.source.identity import MAX_CHILDREN, Identity, from_text, full_read_reason, identity_of
from ingestion.source.structure import ColumnFacts, Relation, Structure, TypeFacts
from metadata.spec import Catalog, Column, Table
from tests.ingestion.source.identity_cases import CHANGES, HARMLESS, Case
from tests.shop import World
from warehouse.client import connect
from warehouse.ledger import tables
from warehouse.ledger.tables import DESCRIPTION
from warehouse.tables import ensure_dataset, ensure_table

pytestmark = pytest.mark.services

CASES = [*CHANGES, *HARMLESS]


def described(case: Case, *names: str) -> Table:
    """Return the metadata of the table of the case; `names`: only these columns."""
    columns = [("id", "integer"), ("v", case.type)]
    columns += [("pin", "text")] if "pin" in case.before else []
    return Table(
        schema_name=case.name,
        name="t",
        description="A table of the tests.",
        columns=tuple(
            Column(
                name=name,
                type=kind,
                description="A column of the tests.",
                nullable=name != "id",
                sensitivity="secret" if name == "pin" else "none",
            )
            for name, kind in columns
            if name in names or not names
        ),
        primary_key=("id",),
    )


@dataclass(frozen=True)
class Loaded:
    """All cases after their change and the batch that followed it, and one more batch."""

    world: World
    changed: dict[str, TableReport]
    again: BatchReport


@pytest.fixture(scope="module")
def loaded(settings: Settings, source_dsn: str) -> Iterator[Loaded]:
    """Load all cases, change them all, and load again."""
    catalog = Catalog(tables=tuple(map(described, CASES)), hubs=())
    with psycopg.connect(source_dsn, autocommit=True, connect_timeout=10) as source:
        source.execute("set allow_system_table_mods = on")
        world = World(settings, catalog, source, connect(settings))
        for case in CASES:
            source.execute(f"create schema {case.name}".encode())
            run(source, case, case.before)
        world.load()
        for case in CASES:
            run(source, case, case.change)
        changed = {table.table: table for table in world.load(allow_shrink=True).tables}
        yield Loaded(world, changed, world.load())


def run(source: psycopg.Connection, case: Case, statements: str) -> None:
    source.execute(f"set search_path = {case.name}".encode())
    for statement in filter(str.strip, statements.split(";")):
        source.execute(statement.encode())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_raw_equals_the_source_after_the_change(loaded: Loaded, case: Case) -> None:
    name = f"{case.name}.t"
    latest = {row["id"]: row["v"] for row in loaded.world.latest(name)}
    assert latest == dict(enumerate(case.values, 1))
    report = loaded.changed[name]
    if case.reason is None:
        assert (report.mode, report.reason) == ("incremental", "changed rows")
    else:
        assert report.mode == "full"
        assert re.search(case.reason, report.reason), report.reason


def test_a_change_causes_one_full_read(loaded: Loaded) -> None:
    """Except tables that can change at any time, which every batch reads in full."""
    read_in_full = {table.table for table in loaded.again.tables if table.mode == "full"}
    assert read_in_full == {
        "function_of_a_cast_replaced.t",
        "cast_to_json_added.t",
        "name_of_a_table.t",
        "name_of_a_function_in_an_array.t",
    }


def test_another_database_of_the_same_name_is_read_in_full(shop: World, database: str) -> None:
    """A copy made from a template has the same oids and transaction ids."""
    shop.load()
    shop.source.close()
    server, name = database.rsplit("/", 1)
    with psycopg.connect(f"{server}/postgres", autocommit=True, connect_timeout=10) as admin:
        admin.execute(f"create database {name}_copy template {name}".encode())
        with psycopg.connect(f"{database}_copy", autocommit=True, connect_timeout=10) as copy:
            copy.execute("update shop.accounts set balance = 99 where account_id = 1")
        assert shop.load().rows_loaded == 0
        admin.execute(f"alter database {name} rename to {name}_old".encode())
        admin.execute(f"alter database {name}_copy rename to {name}".encode())
        report = shop.load()
        admin.execute(f"drop database {name}_old with (force)".encode())
    assert {table.reason for table in report.tables} == {"another database has the name of the source now"}
    assert [row["balance"] for row in shop.latest("shop.accounts")] == [99, 0, -1]


def test_a_batch_of_an_older_release_is_followed_by_one_full_read(shop: World) -> None:
    """Its ledger does not have the column `identity`, so the next batch adds it."""
    layout = tables.layout(shop.settings, "table_loads")
    older = tuple(field for field in layout.schema if field.name != "identity")
    ensure_dataset(shop.client, shop.settings, "audit", DESCRIPTION)
    ensure_table(shop.client, replace(layout, schema=older))
    shop.load()
    shop.ask("update {audit}.table_loads set identity = null where true")
    shop.source.execute("alter table shop.visits drop at")
    shop.source.execute("alter table shop.visits add at timestamp default '2020-01-01'")
    assert {table.reason for table in shop.load().tables} == {
        "the previous batch did not record what the table's values depend on"
    }
    assert {row["at"].year for row in shop.latest("shop.visits")} == {2020}
    assert {table.mode for table in shop.load().tables} == {"incremental"}


def test_the_identity_contains_no_value_of_the_source(shop: World) -> None:
    shop.source.execute("alter table shop.accounts drop owner")
    shop.source.execute("alter table shop.accounts add owner varchar(50) default 'Ann Archer'")
    shop.load()
    kept = [row["identity"] for row in shop.ask("select identity from {audit}.table_loads")]
    assert len(kept) == 2
    assert all('"columns"' in text and "Ann" not in text for text in kept)


def altered_at(world: World, stage: str, statement: str) -> Callable[[Progress], None]:
    """Run the statement when the batch reaches this stage for the first time."""
    remaining = [statement]

    def on_progress(progress: Progress) -> None:
        if progress.stage == stage and remaining:
            world.source.execute(remaining.pop().encode())

    return on_progress


def test_a_label_renamed_while_rows_are_read_fails_the_batch(shop: World) -> None:
    """Table locks do not prevent it, and rows read before and after would have different labels."""
    shop.source.execute("create type shop.owners as enum ('Ann', '')")
    shop.source.execute("alter table shop.accounts alter owner type shop.owners using owner::shop.owners")
    rename = altered_at(shop, "extracted", "alter type shop.owners rename value 'Ann' to 'Bea'")
    with pytest.raises(TransientError, match=r"the source altered shop\.accounts while .* Run again"):
        shop.load(on_progress=rename)
    shop.load()
    assert shop.statuses() == ["void", "completed"]
    assert shop.latest("shop.accounts")[0]["owner"] == "Bea"


def test_a_partition_attached_between_counting_and_reading_fails_the_batch(shop: World) -> None:
    """The copy then returns rows that were not counted."""
    shop.source.execute("create table shop.more (like shop.visits including all)")
    shop.source.execute("insert into shop.more values (9, 1, '2013-01-02')")
    attach = altered_at(shop, "opened", "alter table shop.more inherit shop.visits")
    with pytest.raises(TransientError, match=r"the source altered shop\.visits while"):
        shop.load(on_progress=attach)
    shop.load()
    assert [row["visit_id"] for row in shop.latest("shop.visits")] == [7, 8, 9]


def test_more_children_than_the_ledger_stores_are_compared_by_one_hash() -> None:
    facts = Relation(1, "shop.t", "p", "p", True, {"id": ColumnFacts(1, 23, 0, None, None)}, created_by=7)
    types = {23: TypeFacts("integer", (), {}, {}, (), False, False)}
    children = [replace(facts, oid=oid, name=f"shop.t{oid}") for oid in range(2, MAX_CHILDREN + 3)]

    def identity(*found: Relation) -> Identity:
        return identity_of(Structure("oid 5", facts, found, types), described(CASES[0], "id"))

    text = identity(*children).to_text()
    assert len(text) < 500
    before = from_text(text)
    assert full_read_reason(before, identity(*children), since=8) is None
    created_since = replace(facts, oid=9999, name="shop.x", created_by=8)
    assert full_read_reason(before, identity(*children, created_since), since=8) is None
    expected = f"one of more than {MAX_CHILDREN} partitions or child tables was added, removed or altered"
    attached = replace(created_since, created_by=7)
    assert full_read_reason(before, identity(*children, attached), since=8) == expected
    assert full_read_reason(before, identity(*children[:-1]), since=8) == expected
    assert full_read_reason(identity(*children), identity(*children[:-1]), since=8) == (
        f"partition {children[-1].name} was removed"
    )


def test_a_partition_created_while_rows_are_read_is_loaded_by_the_next_batch(shop: World) -> None:
    """Its rows are newer than the snapshot; the next batch loads them."""
    statement = (
        "create table shop.more () inherits (shop.visits); insert into shop.more values (9, 1, '2013-01-02')"
    )
    shop.load(on_progress=altered_at(shop, "extracted", statement))
    assert [row["visit_id"] for row in shop.latest("shop.visits")] == [7, 8]
    shop.load()
    assert [row["visit_id"] for row in shop.latest("shop.visits")] == [7, 8, 9]


def test_a_schema_swapped_while_rows_are_read_fails_the_batch(shop: World) -> None:
    """Tables are locked, schema names are not."""
    shop.source.execute("create schema other")
    for name in ("accounts", "visits"):
        shop.source.execute(f"create table other.{name} (like shop.{name} including all)".encode())
    swap = altered_at(shop, "opened", "alter schema shop rename to old; alter schema other rename to shop")
    with pytest.raises(TransientError, match=r"the source altered shop\.accounts, shop\.visits while"):
        shop.load(on_progress=swap)
    assert shop.statuses() == ["void"]
