"""A column that is not in the metadata is loaded completely, protected and reported."""

from typing import Any

import psycopg
import pytest

from config.errors import PermanentError
from metadata.spec import Catalog, Column, Table
from tests.shop import SHOP, World
from warehouse.raw_tables import raw_layout

pytestmark = pytest.mark.services


@pytest.fixture
def loaded(shop: World) -> World:
    shop.load()
    return shop


def changes(world: World) -> list[tuple[Any, ...]]:
    """Return the recorded schema changes."""
    rows = world.ask("select * from {audit}.schema_changes order by batch_id, column_name")
    return [(row["batch_id"], row["column_name"], row["source_type"], row["change"]) for row in rows]


def remarks(world: World) -> list[Any]:
    """Return the current values of the new column in raw."""
    return [row["remark"] for row in world.latest("shop.visits")]


def with_settings(world: World, **changed: Any) -> World:
    return World(world.settings.model_copy(update=changed), world.catalog, world.source, world.client)


def test_a_new_column_is_loaded_with_default_values_that_no_transaction_wrote(loaded: World) -> None:
    """A default sets the value of every row without writing it, so the table is read in full, once."""
    loaded.source.execute("alter table shop.visits add remark text default 'none yet'")
    report = loaded.load()
    accounts, visits = report.tables
    assert (visits.mode, visits.reason) == ("full", "new columns: remark")
    assert accounts.mode == "incremental"
    assert remarks(loaded) == ["none yet", "none yet"]
    assert report.schema_changes == ("shop.visits.remark (text): new column, loaded",)
    loaded.source.execute("update shop.visits set remark = 'late' where visit_id = 8")
    assert [table.rows_upserted for table in loaded.load().tables] == [0, 1]
    assert remarks(loaded) == ["none yet", "late"]
    assert changes(loaded) == [(2, "remark", "text", "new column, loaded")]


def test_a_new_column_is_personal_until_the_metadata_describe_it(loaded: World) -> None:
    (visits,) = (each for each in SHOP.tables if each.name == "visits")
    unknown = Column(name="remark", type="text", description="New.", sensitivity="personal")
    wider = Table(**{name: getattr(visits, name) for name in Table.model_fields} | {
        "columns": (*visits.columns, unknown)
    })  # fmt: skip
    tag = "projects/p/locations/us/taxonomies/1/policyTags/2"
    tagged = loaded.settings.model_copy(update={"personal_policy_tag": tag})
    fields = {field.name: field.policy_tags for field in raw_layout(tagged, wider).schema}
    assert fields["remark"] is not None
    assert fields["remark"].names == (tag,)


def test_a_column_described_later_continues_in_the_same_raw_column(loaded: World) -> None:
    loaded.source.execute("alter table shop.visits add remark text default 'x'")
    loaded.load()
    (visits,) = (each for each in SHOP.tables if each.name == "visits")
    column = Column(name="remark", type="text", description="What was said.", nullable=True)
    described = Table(**{name: getattr(visits, name) for name in Table.model_fields} | {
        "columns": (*visits.columns, column)
    })  # fmt: skip
    others = tuple(each for each in SHOP.tables if each.name != "visits")
    world = World(
        loaded.settings, Catalog(tables=(*others, described), hubs=()), loaded.source, loaded.client
    )
    report = world.load()
    assert report.schema_changes == ()
    assert (report.tables[1].mode, report.tables[1].rows_upserted) == ("incremental", 0)
    assert remarks(world) == ["x", "x"]


def test_a_dropped_new_column_is_recorded_and_null_from_then_on(loaded: World) -> None:
    loaded.source.execute("alter table shop.visits add remark text default 'x'")
    loaded.load()
    loaded.source.execute("alter table shop.visits drop remark")
    loaded.source.execute("update shop.visits set account_id = 3 where visit_id = 7")
    loaded.load()
    assert remarks(loaded) == [None, "x"]
    assert changes(loaded)[-1] == (3, "remark", "text", "new column, gone again")


def test_a_new_column_that_changes_its_type_stops_the_load(loaded: World) -> None:
    loaded.source.execute("alter table shop.visits add remark integer default 1")
    loaded.load()
    loaded.source.execute("alter table shop.visits alter remark type text")
    with pytest.raises(PermanentError, match=r"shop\.visits\.remark: its type is text now, integer when"):
        loaded.load()
    assert loaded.statuses() == ["completed", "completed"]
    loaded.source.execute("alter table shop.visits drop remark")
    loaded.load()
    loaded.source.execute("alter table shop.visits add remark text default 'x'")
    with pytest.raises(PermanentError, match=r"column remark is INT(64|EGER) in the warehouse and STRING"):
        loaded.load()


@pytest.mark.parametrize(
    ("definition", "why"),
    [
        ("remark txid_snapshot", "the type has no BigQuery type here|types that metadata/spec.py knows"),
        ('"Remark" text', "only names of small letters"),
        ("load_dts text", "something else by that name"),
    ],
)
def test_a_column_that_cannot_be_loaded_is_recorded_with_the_reason(
    loaded: World, definition: str, why: str
) -> None:
    loaded.source.execute(f"alter table shop.visits add {definition}".encode())
    (change,) = loaded.load().schema_changes
    assert "new column, not loaded: " in change
    assert any(reason in change for reason in why.split("|"))
    assert [row[3] for row in changes(loaded)] == ["new column, not loaded"]


def test_a_column_is_loaded_once_the_login_may_read_it(loaded: World) -> None:
    """The owner of the source grants each column."""
    loaded.source.execute("grant usage on schema shop to wwi_reader")
    loaded.source.execute("grant select (account_id, owner, balance, xmin) on shop.accounts to wwi_reader")
    loaded.source.execute("grant select (visit_id, account_id, at, xmin) on shop.visits to wwi_reader")
    parts = psycopg.conninfo.conninfo_to_dict(str(loaded.settings.source_dsn)) | {"user": "wwi_reader"}
    reader = with_settings(loaded, source_dsn=psycopg.conninfo.make_conninfo(**parts))
    loaded.source.execute("alter table shop.visits add remark text default 'x'")
    assert reader.load().schema_changes == (
        "shop.visits.remark (text): new column, not loaded: the login may not read it",
    )
    loaded.source.execute("grant select (remark) on shop.visits to wwi_reader")
    assert reader.load().tables[1].rows_upserted == 2
    assert remarks(reader) == ["x", "x"]


def test_loading_new_columns_can_be_disabled(loaded: World) -> None:
    loaded.source.execute("alter table shop.visits add remark text default 'x'")
    careful = with_settings(loaded, load_new_columns=False)
    assert "WWI_LOAD_NEW_COLUMNS" in careful.load().schema_changes[0]
    assert "remark" not in careful.raw("shop.visits")[0]
