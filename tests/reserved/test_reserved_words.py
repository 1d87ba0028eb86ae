"""Tables and columns named like reserved words work from source to vault and in all commands.

Some are described by all that might mean something to YAML, Jinja, SQL, Markdown or HTML.
"""

import json
import os
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from audit.history.versions import history
from audit.reconciliation.reconcile import reconcile
from audit.verification.verify import verify
from config.settings import Settings
from ingestion.batch import run_batch
from ingestion.report import BatchReport
from metadata.codegen import generate
from metadata.codegen.docs.pages import catalogue
from metadata.load import load_catalog
from metadata.spec import Catalog
from sandbox.schema import schema_statements
from tests.own_platform import own_platform
from tests.vault.conftest import VAULT, make_project
from tests.vault.delivery import compare, loads
from transform import dbt
from warehouse.client import connect
from warehouse.queries import query

METADATA = Path(__file__).parent / "metadata"
ORIGINALS = os.environ.get("WWI_DBT_PACKAGES")

pytestmark = [pytest.mark.services, pytest.mark.timeout(1200)]

FIRST = """
insert into "order"."user" values
    (1, 'Ulm', 1.5, 7, 'Ann', '2013-01-01', true, '\\x00', '2013-01-01 07:00'),
    (2, null, null, 2, null, '2013-01-02', null, null, null);
insert into "order"."select" values ('a', 1, 2, 0.125), ('b', null, 1, 2);
insert into "order"."values" values (1, 'one'), (2, null);
insert into "order"."partition" values (1, 1, 'left', '2013-01-01 08:00', 'x', 3, 'Bo');
"""
SECOND = """
update "order"."user" set "from" = 'Bonn', "end" = 'Anna' where "order" = 1;
update "order"."select" set "to" = 2 where "group" = 'a';
delete from "order"."select" where "group" = 'b';
update "order"."values" set "then" = 'two' where "when" = 2;
insert into "order"."partition" values (2, 2, 'right', '2013-01-02 08:00', null, 4, null);
alter table "order"."user" add column "having" text default 'new', add column "Mixed Case" text,
    add column "50%" text, add column "a""b" text, add column "ü" text, add column "current_date" text;
"""


class Platform:
    """The platform after two loads of these tables."""

    def __init__(self, settings: Settings, catalog: Catalog, project: Path) -> None:
        assert settings.source_dsn
        self.settings, self.catalog, self.project = settings, catalog, project
        self.client = connect(settings)
        self.reports: list[BatchReport] = []

    def load(self, statements: str) -> None:
        """Change the source, load and build."""
        assert self.settings.source_dsn
        with psycopg.connect(self.settings.source_dsn, connect_timeout=10) as source:
            source.execute(statements.encode())
        self.reports.append(run_batch(self.settings, self.catalog))
        dbt.build(self.settings, vault_dir=self.project)

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Run a query; {r} and {v} are replaced by raw and raw vault."""
        names = {"r": self.settings.dataset("raw"), "v": self.settings.dataset("raw_vault")}
        return query(self.client, sql.format(**names))


@pytest.fixture(scope="module")
def words() -> Catalog:
    """Return the metadata of the tables."""
    return load_catalog(METADATA)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(VAULT / "offline", id="offline"),
        pytest.param(
            Path(ORIGINALS or ""),
            id="originals",
            marks=pytest.mark.skipif(not ORIGINALS, reason="set WWI_DBT_PACKAGES to the original packages"),
        ),
    ],
)
def platform(
    request: pytest.FixtureRequest,
    services: Settings,
    words: Catalog,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("words")
    generate.write(folder / "models", generate.generated_files(words))
    project = make_project(folder / "project", folder / "models", request.param)
    shutil.copytree(VAULT / "tests", project / "tests")
    home = folder / "home"
    home.mkdir()
    with own_platform(services, home) as settings:
        found = Platform(settings, words, project)
        found.load(";\n".join(schema_statements(words)) + ";" + FIRST)
        found.load(SECOND)
        yield found


def test_every_table_is_rebuilt_from_the_vault_as_of_every_load(platform: Platform) -> None:
    times = loads(platform.client, platform.settings)
    found = {
        (table.qualified, number): compare(platform.client, platform.settings, platform.catalog, table, time)
        for table in platform.catalog.tables
        for number, time in enumerate(times, start=1)
    }
    assert [key for key, each in found.items() if not each.is_equal] == []
    assert found["order.select", 1].rebuilt == 2
    assert found["order.select", 2].rebuilt == 1


def test_all_totals_are_compared_and_equal(platform: Platform) -> None:
    found = reconcile(platform.settings, platform.catalog, ())
    assert found.differences == ()
    totals = {(each.table, each.control, each.layer): each.source for each in found.comparisons}
    assert totals["order.user", "hash", "vault"] == Decimal("1.5")
    assert totals["order.user", "hash_times_limit", "vault"] == Decimal("11.5")
    assert totals["order.select", "array", "raw"] == Decimal("0.125")
    assert totals["order.partition", "offset", "vault"] == 7
    assert {each.days for each in found.comparisons if each.table == "order.select"} == {1}


def test_history_and_hash_chain_read_reserved_names(platform: Platform) -> None:
    (_, changed) = history(platform.settings, platform.catalog, "user", "1", personal=True).versions
    assert {each.column: each.after for each in changed.changes} == {"from": "Bonn", "end": "Anna"}
    masked = history(platform.settings, platform.catalog, "user", "1").versions[-1]
    assert [each.after for each in masked.changes if each.column == "end"] == ["A***"]
    links = history(platform.settings, platform.catalog, "select", "a").versions[-1]
    assert [(each.column, each.before, each.after) for each in links.changes] == [("to", 1, 2)]
    assert verify(platform.settings, platform.catalog).findings == ()


def test_a_new_column_is_loaded_by_its_word_and_others_are_named(platform: Platform) -> None:
    """A column that BigQuery cannot name is not loaded, and the load reports it."""
    changes = platform.reports[-1].schema_changes
    assert changes[0] == "order.user.having (text): new column, loaded"
    for change, name in zip(changes[1:], ("Mixed Case", "50%", 'a"b', "ü", "current_date"), strict=True):
        assert change.startswith(f"order.user.{name} (text): new column, not loaded: ")
    rows = platform.query("select distinct `having` as new from {r}.order__user where batch_id = 2")
    assert rows == [{"new": "new"}]


def test_dbt_returns_every_description_unchanged(platform: Platform) -> None:
    (file,) = platform.settings.home.rglob("manifest.json")
    manifest = json.loads(file.read_text())
    nodes = {node["name"]: node for node in [*manifest["nodes"].values(), *manifest["sources"].values()]}
    odd = platform.catalog.hub("user").description
    assert odd.startswith("Odd {{ x }} {% raw %}")
    assert nodes["hub_user"]["description"] == odd
    assert nodes["order__user"]["description"] == odd
    assert nodes["link_join"]["description"] == odd
    for model in ("order__user", "stg_wwi__user", "sat_user__case"):
        assert nodes[model]["columns"]["from"]["description"] == odd


def test_pages_show_reserved_names_and_escape_descriptions(words: Catalog) -> None:
    text = "\n".join(catalogue(words, ()))
    assert "### order.user" in text
    assert "| `end` | text | Who sees it. **Personal.** | `sat_user__then.end` |" in text
    assert "<i>" not in text
    (row,) = [line for line in text.splitlines() if line.startswith("| `from` |")]
    assert "a \\| b &lt;i&gt;&amp;amp;&lt;/i&gt; 'q'" in row
