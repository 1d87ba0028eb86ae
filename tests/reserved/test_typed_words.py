"""Google's analyzer accepts every statement on tables and columns named like reserved words."""

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from google.cloud import bigquery

from audit import rejected_values
from audit.delivery import table_from_vault
from audit.history import version_rows
from audit.history.version_rows import parts_of
from audit.reconciliation.layers import raw_totals, vault_totals
from audit.reconciliation.layers import statement as totals
from audit.verification.altered_rows import locate_statement
from config.settings import Settings
from ingestion.load.create_tables import ensure_layout
from metadata import naming
from metadata.codegen import generate
from metadata.load import load_catalog
from metadata.words import RESERVED_WORDS, UNQUOTABLE
from tests.googlesql.analyzer import Analyzer, RefusedError, column
from tests.googlesql.conftest import PROJECT, Typed
from tests.googlesql.warehouse import Warehouse, serving
from tests.vault.conftest import VAULT, make_project
from tests.vault.delivery import statement
from warehouse.client import connect
from warehouse.ledger import hash_chain
from warehouse.queries import execute, query
from warehouse.tables import ensure_dataset

METADATA = Path(__file__).parent / "metadata"
ORIGINALS = os.environ.get("WWI_DBT_PACKAGES")
NOW = datetime(2026, 1, 1, tzinfo=UTC)

pytestmark = pytest.mark.timeout(1500)


@pytest.fixture(params=["offline", "originals"])
def packages(request: pytest.FixtureRequest) -> Path:
    """Return the folder of a set of packages."""
    if request.param == "offline":
        return VAULT / "offline"
    if not ORIGINALS:
        pytest.skip("set WWI_DBT_PACKAGES to the folder of the original packages")
    return Path(ORIGINALS)


@pytest.fixture
def client_and_project(packages: Path, tmp_path: Path) -> Iterator[tuple[bigquery.Client, Typed]]:
    """Return the warehouse with raw tables and a pending batch, and the generated project."""
    words = load_catalog(METADATA)
    generate.write(tmp_path / "models", generate.generated_files(words))
    project = make_project(tmp_path / "project", tmp_path / "models", packages)
    warehouse = Warehouse(PROJECT)
    with serving(warehouse) as url:
        typed = Typed(warehouse, url, tmp_path, project)
        settings = Settings(target="bigquery", bigquery_project=PROJECT, _env_file=None)
        ensure_layout(typed.client, settings, words)
        yield typed.client, typed


@pytest.mark.proof
def test_build_and_query_statements_are_valid(client_and_project: tuple[bigquery.Client, Typed]) -> None:
    client, typed = client_and_project
    words = load_catalog(METADATA)
    settings = Settings(target="bigquery", bigquery_project=PROJECT, _env_file=None)
    for build in (typed.dbt("run"), typed.load("run")):
        assert (build.code, typed.warehouse.refused()) == (0, []), build.output[-3000:]
    asked = [table_from_vault(words, table, settings) for table in words.tables]
    asked += [statement(settings, words, table, NOW) for table in words.tables]
    asked += [locate_statement(settings, words, table, 1, NOW) for table in words.tables]
    raw = [raw_totals(words, table, settings) for table in words.tables]
    vault = [each for table in words.tables if (each := vault_totals(words, table, settings))]
    asked += [totals(raw, {}, settings), totals(vault, {}, settings)]
    for table in words.tables:
        columns = tuple(each.name for each in table.loaded_columns)
        asked.append(
            hash_chain.content_checksums_statement(
                settings, [hash_chain.BatchRows(table.qualified, columns, (1,))]
            )
        )
        asked.append(rejected_values._current_statement(settings, table))
    for sql in asked:
        query(client, sql)
    for entity, key in (("user", 1), ("select", "a")):
        parts = parts_of(words, entity)
        for personal in (False, True):
            sql = version_rows.statement(words, entity, parts, settings, personal=personal)
            query(client, sql, {"key": key})
    assert typed.warehouse.refused() == []


def every_place(table: str, words: Iterable[str]) -> str:
    """Return a query with each word unquoted in every position where our SQL has a column."""
    listed, prefixed = ", ".join(words), ", ".join(f"line.{word}" for word in words)
    return (
        f"select {prefixed} from (select {listed} from {table} "
        f"qualify row_number() over (partition by {listed} order by {listed}) = 1) as line"
    )


@pytest.mark.services
def test_all_other_words_need_no_quotes(settings: Settings, source_dsn: str) -> None:
    """Checked for all keywords of Postgres with Google's analyzer, the local engine and Postgres."""
    with psycopg.connect(source_dsn, connect_timeout=10) as source:
        sql = "select word, catcode in ('R', 'T') from pg_get_keywords() order by 1"
        found = dict(source.execute(sql).fetchall())
        assert [word for word, reserved in found.items() if reserved and not named(word)] == []
        others = [word for word in found if not named(word)]
        source.execute(f"create table words ({', '.join(f'{word} integer' for word in others)})".encode())
        source.execute(f"select {', '.join(f'line.{word}' for word in others)} from words as line".encode())
    assert len(others) > 200
    analyzer = Analyzer()
    analyzer.tables["p", "d", "t"] = tuple(column(word, "INT64") for word in others)
    analyzer.analyze(every_place("p.d.t", others))
    local = connect(settings)
    ensure_dataset(local, settings, "raw")
    table = f"{settings.dataset('raw')}.words"
    execute(local, f"create table {table} ({', '.join(f'`{word}` int64' for word in others)})")
    assert query(local, every_place(table, others)) == []


def named(word: str) -> bool:
    return word in RESERVED_WORDS | UNQUOTABLE


def test_the_analyzer_accepts_reserved_words_only_in_quotes() -> None:
    analyzer = Analyzer()
    analyzer.tables["p", "d", "t"] = tuple(column(word, "INT64") for word in sorted(RESERVED_WORDS))
    analyzer.analyze(every_place("p.d.t", sorted(map(naming.quoted, RESERVED_WORDS))))
    for word in ("order", "select", "group", "hash", "end", "qualify"):
        with pytest.raises(RefusedError):
            analyzer.analyze(f"select {word} from p.d.t")
