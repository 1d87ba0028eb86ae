"""Test that Google's analyzer accepts every statement of ingestion, audit and other commands."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal

import psycopg
import pytest

from audit import sizes
from audit.delivery import table_from_vault
from audit.reconciliation.comparison import Comparison, DayDifference, Reconciliation
from audit.reconciliation.reconcile import reconcile
from audit.reconciliation.record import record
from audit.status import status
from audit.tracing import statements
from audit.verification import content
from audit.verification.altered_rows import locate_statement
from config.errors import PermanentError, TransientError
from config.settings import LOCAL_PROJECT, Settings
from dashboard.figures import figures
from ingestion.batch import run_batch
from metadata.aml.models import holistics_models
from metadata.aml.presentation import load_presentation
from metadata.marts import load_marts
from metadata.reconciliation import load_reconciliation
from metadata.spec import Catalog
from operations import shadow_datasets, swap
from operations.erasure import personal_values
from operations.erasure.search import search_statement
from operations.erasure.task import Task, updates
from sandbox.schema import create_schema
from tests.googlesql.conftest import Build, Typed
from tests.googlesql.warehouse import Warehouse, serving
from tests.ingestion.generated_rows import fill
from tests.vault.delivery import statement
from warehouse.client import connect
from warehouse.lease import hold
from warehouse.ledger import batch_contents, builds, erasures, hash_chain, rebuilds
from warehouse.ledger.tables import layout
from warehouse.queries import execute, query

pytestmark = [pytest.mark.services, pytest.mark.proof]

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NONE = Decimal(0)


@dataclass(frozen=True)
class Platform:
    """The platform's settings with the fake BigQuery."""

    settings: Settings
    warehouse: Warehouse


@pytest.fixture(scope="module")
def platform(  # noqa: PLR0913, PLR0917 - fixtures
    settings: Settings,
    source_dsn: str,
    catalog: Catalog,
    typed: Typed,
    first: Build,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Platform]:
    """Return a source with rows, and a fake BigQuery with the tables of the first build."""
    with psycopg.connect(source_dsn, autocommit=True, connect_timeout=10) as source:
        create_schema(source, catalog)
        source.execute("set session_replication_role = replica")  # generated rows would violate foreign keys
        for table in catalog.tables:
            fill(source, table, 3)
    warehouse = Warehouse(LOCAL_PROJECT)
    for dataset in typed.warehouse.datasets:
        warehouse.create_dataset({"datasetReference": {"projectId": LOCAL_PROJECT, "datasetId": dataset}})
    warehouse.copy_tables(typed.warehouse)
    home = tmp_path_factory.mktemp("typed_home")
    (home / "services").mkdir()
    with serving(warehouse) as url:
        # load files by path, so uploads need no answer
        (home / "services" / "warehouse.json").write_text(json.dumps({"url": url}))
        own = {
            "target": "local",
            "dataset_prefix": "wwi",
            "home": home,
        }  # never use wwi_raw of a real project
        yield Platform(settings.model_copy(update=own), warehouse)


def sent_since(platform: Platform, before: int) -> str:
    return "\n".join(each.sql for each in platform.warehouse.sent[before:])


def test_statements_of_a_batch_are_accepted(platform: Platform, catalog: Catalog) -> None:
    names = tuple(field.name for field in layout(platform.settings, "batches").schema)
    platform.warehouse.rows[*names, "newest_hash"] = [[None] * (len(names) + 1)]
    before = len(platform.warehouse.sent)
    report = run_batch(platform.settings, catalog)
    assert not platform.warehouse.refused()
    assert len(report.tables) == len(catalog.tables)
    sent = sent_since(platform, before)
    for part in ("begin transaction", "`table_loads`", "`control_totals`", "status = 'completed'", "sha256("):
        assert part in sent, part


def test_statements_of_the_lease_are_accepted(platform: Platform) -> None:
    """If no statement changes a row, the lease is never obtained, so every statement is tried."""
    before = len(platform.warehouse.sent)
    platform.warehouse.changed = 0
    try:
        with (
            pytest.raises(TransientError, match="changes hands too quickly"),
            hold(connect(platform.settings), platform.settings, "build"),
        ):
            pytest.fail("got a lease without a row")
    finally:
        platform.warehouse.changed = 1
    assert not platform.warehouse.refused()
    sent = sent_since(platform, before)
    for part in ("where not exists (select 1", "held.holder != @gone", "as is_live", "set holder = ''"):
        assert part in sent, part


def test_statements_of_reconcile_are_accepted(platform: Platform, catalog: Catalog) -> None:
    source = [["1", table.qualified, "rows", "3"] for table in catalog.tables]
    platform.warehouse.rows["batch_id", "table_name", "control", "value"] = source
    taken = [[table.qualified, "1", "1767225600000000"] for table in catalog.tables]
    platform.warehouse.rows["table_name", "batch_id", "load_dts"] = taken
    before = len(platform.warehouse.sent)
    reconcile(platform.settings, catalog, load_reconciliation(catalog))
    assert not platform.warehouse.refused()
    sent = sent_since(platform, before)
    for part in ("wwi_raw.sales__orders", "wwi_raw_vault.hub_order", "wwi_marts.fct_sale", "daily_totals"):
        assert part in sent, part


def test_statements_that_rebuild_source_rows_from_the_vault_are_accepted(
    platform: Platform, catalog: Catalog
) -> None:
    for table in catalog.tables:
        query(connect(platform.settings), table_from_vault(catalog, table, platform.settings, as_of=NOW))
        query(connect(platform.settings), statement(platform.settings, catalog, table, NOW))
    assert not platform.warehouse.refused()


def test_statements_of_the_dashboard_are_accepted(platform: Platform) -> None:
    before = len(platform.warehouse.sent)
    found = figures(platform.settings)
    assert not platform.warehouse.refused()
    assert len(platform.warehouse.sent) == before + len(found) == before + 8


def test_every_field_of_the_holistics_models_is_accepted(platform: Platform) -> None:
    marts = load_marts()
    for model in holistics_models(marts, load_presentation(marts)):
        fields = (f"{field.sql} as {field.name}" for field in model.dimensions)
        columns = ", ".join(fields).replace("{{ #SOURCE.", "shown.").replace(" }}", "")
        query(connect(platform.settings), f"select {columns} from wwi_marts.{model.name} as shown")
    assert not platform.warehouse.refused()


def test_statements_that_record_a_comparison_are_accepted(platform: Platform) -> None:
    days = (DayDifference(date(2026, 1, 1), Decimal(3), Decimal("3.01")), DayDifference(None, NONE, NONE))
    compared = Comparison(1, "sales.orders", "rows", "raw", Decimal("3"), Decimal("3.01"), 7, 2, days)
    record(connect(platform.settings), platform.settings, Reconciliation(NOW, (compared,)))
    assert not platform.warehouse.refused()
    assert "reconciliations" in platform.warehouse.sent[-2].sql
    assert "reconciled_days" in platform.warehouse.sent[-1].sql


def test_statements_of_a_rebuild_are_accepted(platform: Platform) -> None:
    """Every table of vault and marts is compared and replaced, with its own columns."""
    client, live = connect(platform.settings), platform.settings
    shadow = shadow_datasets.shadow_settings(live)
    tables = platform.warehouse.analyzer.tables
    for layer in shadow_datasets.LAYERS:
        dataset = shadow.dataset(layer)
        platform.warehouse.create_dataset(
            {"datasetReference": {"projectId": LOCAL_PROJECT, "datasetId": dataset}}
        )
        for path, columns in list(tables.items()):
            if path[:2] == (LOCAL_PROJECT, live.dataset(layer)) and len(path) == 3:
                tables[LOCAL_PROJECT, dataset, path[2]] = columns
    before = len(platform.warehouse.sent)
    rebuilds.ensure_tables(client, live)
    assert rebuilds.open_swap(client, live) is None
    number = rebuilds.record_start(client, live)
    execute(client, shadow_datasets.batches_statement(live, shadow))
    for layer in content.LAYERS:
        query(client, content.columns_statement(live, layer))
        query(client, content.tables_statement(live, layer))
    shapes = [
        content.Shape(layer, path[2], False, {each.name: each.type for each in columns})
        for layer in content.LAYERS
        for path, columns in tables.items()
        if path[:2] == (LOCAL_PROJECT, live.dataset(layer)) and len(path) == 3
    ]
    assert {each.layer for each in shapes} == set(content.LAYERS)
    # tables with the same column types are equal for the analyzer
    shapes = list({(each.layer, frozenset(each.columns.values())): each for each in shapes}.values())
    assert len(shapes) > 10, len(shapes)
    for start in range(0, len(shapes), content.TABLES_A_STATEMENT):
        query(client, content.checksum_statement(live, shapes[start : start + content.TABLES_A_STATEMENT]))
    for each in shapes:
        query(client, content.differing_statement(live, shadow, each))
    row = {
        "layer": "marts",
        "table_name": "fct_sale",
        "live_rows": 1,
        "live_checksum": NONE,
        "is_equal": True,
    }
    rebuilds.record_proof(client, live, number, batches=1, different=0, tables=[row])
    rebuilds.set_status(client, live, number, "swapping")
    rebuilds.mark_failed(client, live, number, "it's \\ broken")
    for layer in content.LAYERS:
        filled = [(each.name, list(each.columns)) for each in shapes if each.layer == layer]
        swap.refill(client, live, shadow, layer, filled)
    swap.copy_vault_loads(client, live, shadow)
    rebuilds.mark_swaps_finished(client, live)
    assert not platform.warehouse.refused()
    sent = sent_since(platform, before)
    for part in (
        f"`{shapes[0].name}`",
        "truncate table",
        "to_json_string(one_row)",
        "having sum(in_live)",
        "'swapped'",
    ):
        assert part in sent, part


def test_statements_of_status_and_sizes_are_accepted(platform: Platform, catalog: Catalog) -> None:
    platform.warehouse.rows["table_name",] = [[table.qualified] for table in catalog.tables]
    before = len(platform.warehouse.sent)
    status(platform.settings, catalog)
    assert "`builds`" in sent_since(platform, before)
    assert "json_value(rejected.key, '$.order_id')" in sent_since(platform, before)
    del platform.warehouse.rows["table_name",]
    sizes.layer_sizes(platform.settings)
    sizes.dimensions(platform.settings)
    assert not platform.warehouse.refused()
    assert len(platform.warehouse.sent) >= before + 8


def test_statements_of_audit_verify_are_accepted(platform: Platform, catalog: Catalog) -> None:
    client, settings = connect(platform.settings), platform.settings
    loaded = [
        hash_chain.BatchRows(table.qualified, tuple(column.name for column in table.loaded_columns), (1, 2))
        for table in catalog.tables
    ]
    query(
        client,
        hash_chain.content_checksums_statement(
            settings, [*loaded, *batch_contents.ledger_batch_rows(settings, (1, 2))]
        ),
    )
    for table in catalog.tables:
        query(client, locate_statement(settings, catalog, table, 1, NOW))
    node = builds.Node("test", "unique", "", "fail", None, None, 0.5, 3, "it's broken")
    build = builds.Build(
        "a", NOW, NOW, "failed", "1", None, "{}", "hub", "[]", "{}", "wwi", "here", "all", "0"
    )
    running = replace(build, invocation_id="b", finished_at=None, status="running")
    builds.record_start(client, settings, running)
    builds.record_end(client, settings, running, build, [node])
    change = erasures.Change("sales.orders", 1, 2, ("comments",), "1:2:3", "1:2:4")
    erasure = erasures.Erasure(1, "person", "7", NOW, "ann", "asked", None, (change,))
    for sql in erasures.insert_statements(settings, erasure):
        execute(client, sql)
    erasures.read(client, settings)
    assert not platform.warehouse.refused()


def test_statements_of_trace_are_accepted(platform: Platform, catalog: Catalog) -> None:
    client, settings = connect(platform.settings), platform.settings
    for fact in load_reconciliation(catalog):
        table = catalog.table(fact.source)
        query(client, statements.parts_statement(settings, catalog, table, "1, 2"))
        query(
            client,
            statements.raw_statement(settings, catalog, fact, "1, 2", list(fact.formulas(table))),
        )
    assert not platform.warehouse.refused()


def test_statements_of_an_erasure_are_accepted(platform: Platform, catalog: Catalog) -> None:
    client, settings = connect(platform.settings), platform.settings
    own = personal_values.person_table(catalog)
    platform.warehouse.rows["n",] = [["2"]]
    platform.warehouse.rows["k",] = [["7"]]  # an earlier erasure of the same person was interrupted
    places = [personal_values.Occurrence(own.qualified, "full_name", 1, (), True)] + [
        personal_values.Occurrence(table.qualified, column.name, 1, (), False)
        for table in catalog.tables
        for column in personal_values.text_columns(table)
        if table != own
    ]
    with personal_values.collected_values(client, settings, own, 7) as values:
        personal_values.find_in_raw(client, settings, catalog, 7, values.count)
        query(
            client,
            search_statement(settings, "raw", "sales__invoices", ["comments"], values.count),
        )
        task = Task(client, settings, catalog, 7, tuple(places), values.count)
        for sql in updates(task):
            execute(client, sql)
        for name, columns in task.columns().items():
            table = catalog.table(name)
            erased = {column: task.erased(table, column) for column in columns}
            loaded = tuple(column.name for column in table.loaded_columns)
            query(
                client,
                hash_chain.content_checksums_statement(
                    settings, [hash_chain.BatchRows(name, loaded, (1,), replaced=erased)]
                ),
            )
    del platform.warehouse.rows["n",], platform.warehouse.rows["k",]
    assert not platform.warehouse.refused()


def test_an_error_of_the_analyzer_is_raised_with_its_message(platform: Platform) -> None:
    with pytest.raises(PermanentError, match="Unrecognized name: no_such_column"):
        execute(connect(platform.settings), "select no_such_column from wwi_audit.batches")
    assert platform.warehouse.sent.pop().error
