"""Take one person's values out of everything: raw, vault, marts, rejected values and the spool.

Keys and figures stay. The source comes first: what it still held, the next full read would bring back, so an
erasure is refused until the newest delivered rows are free of the values (docs/adr/0010). Then every older
row of raw is given what the source says now, null or `[erased]`, and vault and marts are made again of it as
a rebuild makes them; so a rebuild gives the same, and the next delivery is no change.
"""

import getpass
import json
import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from google.cloud.bigquery import Client

from flows import dbt
from flows.rebuild import loaded_batches
from ingestion import bigquery, chain, erasures, ledger, rebuilds, side, spool, swap
from ingestion.erasures import ERASED, Change, Erasure
from ingestion.errors import PermanentError
from ingestion.lease import hold, interrupter
from ingestion.lock import run_lock
from ingestion.rejected import TABLE as REJECTED
from ingestion.settings import Layer, Settings
from ingestion.test_failures import TABLE as FAILURES
from metadata import naming
from metadata.spec import Catalog, EventMapping, HubMapping, ReferenceMapping, Table
from questions import personal
from questions.audit import deliveries, expected_contents, verify
from questions.personal import Held, Searched

logger = logging.getLogger(__name__)

# what the local services keep in WWI_HOME
SERVICES = ("source", "warehouse", "services")


@dataclass(frozen=True)
class ErasureReport:
    """What an erasure would do or did. `done`: False for a dry run, and for one that `at_source` forbids.

    `held`: where raw held the values before. `at_source`: statements for the source, which still holds some.
    `searched`: where they were looked for; `left`: what was found there, in tables and files. `files`: how
    many files of this machine were read.
    """

    entity: str
    key: int
    done: bool
    held: tuple[Held, ...]
    at_source: tuple[str, ...]
    searched: Searched
    files: int
    left: tuple[str, ...]
    models: tuple[str, ...] = ()
    erasure_id: int | None = None


def erase(  # noqa: PLR0913 - a person, and who wants what
    settings: Settings,
    catalog: Catalog,
    key: int,
    *,
    yes: bool = False,
    reason: str = "",
    by: str | None = None,
    vault_dir: Path = dbt.VAULT_DIR,
) -> ErasureReport:
    """Erase the person with this key; without `yes` only look what that would change.

    Raises WwiError when raw never knew the person, PermanentError when a batch waits to be built, when raw is
    not as it was loaded, or when the source still holds the values.
    """
    client = bigquery.connect(settings, "erase")
    with run_lock(settings.home), hold(client, settings, "erase", on_lost=interrupter()) as lease:
        rebuilds.refuse_open_swap(client, settings)
        for name in (*erasures.TABLES, REJECTED, FAILURES, personal.VALUES):
            bigquery.ensure_table(client, ledger.layout(settings, name))
        table = personal.person_table(catalog)
        with personal.values_of(client, settings, table, key) as values:
            held = personal.held(client, settings, catalog, key, values.count)
            at_source = tuple(_at_source(catalog, table, key, held))
            if yes and at_source:
                raise PermanentError(_refusal(at_source))
            task = Task(client, settings, catalog, key, held, values.count)
            begun = [each for each in erasures.read(client, settings) if each.entity_key == str(key)]
            if not yes or not (held or begun):
                found = _looked_for(task)
                return ErasureReport("person", key, False, held, at_source, *found)
            loaded_batches(client, settings, may_wait=False)
            _refuse_what_is_not_sound(client, settings, catalog)
            if held:
                begun.append(_record(task, reason, by or getpass.getuser()))
                lease.confirm()
                statements = [*updates(task), *erasures.insert_statements(settings, begun[-1])]
                script = ";\n".join(["begin transaction", *statements, "commit transaction"]) + ";"
                values.keep = True
                bigquery.execute(client, script, timeout_s=settings.load_timeout_s)
            values.keep = True
            spool.discard(settings)
            models = _make_again(task, begun, vault_dir)
            searched, files, left = _looked_for(task)
            left += tuple(
                f"raw.{each.table}.{each.column}: {each.rows} rows"
                for each in personal.held(client, settings, catalog, key, values.count)
            )
            values.keep = False
            return ErasureReport(
                "person", key, True, held, (), searched, files, left, models, begun[-1].erasure_id
            )


@dataclass(frozen=True)
class Task:
    """One erasure that is under way."""

    client: Client
    settings: Settings
    catalog: Catalog
    key: int
    held: tuple[Held, ...]
    values: int

    def columns(self) -> dict[str, list[str]]:
        """{table: its columns to change}."""
        found: dict[str, list[str]] = {}
        for each in self.held:
            found.setdefault(each.table, []).append(each.column)
        return found

    def erased(self, table: Table, name: str) -> str:
        """SQL: what a column holds after the erasure, in every row of the table."""
        text = naming.quoted(name)
        if table != personal.person_table(self.catalog):
            found = personal.holds_value(self.settings, text, self.values)
            return f"if({found}, {personal.without_values(self.settings, text)}, {text})"
        column = table.column(name)
        instead = "null" if column.nullable else f"'{ERASED}'"
        own = f"{naming.quoted(table.primary_key[0])} = {self.key} and change_type = 'upsert'"
        return f"if({own} and {personal.is_open(column)}, {instead}, {text})"


def _at_source(catalog: Catalog, own: Table, key: int, held: Sequence[Held]) -> list[str]:
    """What to run at the source, for it still has the values: other tables first, by keys alone."""
    found = []
    for each in held:
        if each.newest and not each.is_own:
            table = catalog.table(each.table)
            key_column, column = map(naming.quoted_in_source, (table.primary_key[0], each.column))
            listed = ", ".join(map(str, each.newest))
            found.append(
                f"update {table.in_source} set {column} = '{ERASED}' where {key_column} in ({listed});"
            )
    if any(each.newest and each.is_own for each in held):
        values = ", ".join(
            f"{naming.quoted_in_source(column.name)} = {'null' if column.nullable else repr(ERASED)}"
            for column in own.columns
            if column.sensitivity != "none"
        )
        key_column = naming.quoted_in_source(own.primary_key[0])
        found.append(f"update {own.in_source} set {values} where {key_column} = {key};")
    return found


def _refusal(at_source: Sequence[str]) -> str:
    return "\n".join([
        "the source still holds the values, so the next full read would bring them back. Erase them there:",
        *(f"  {statement}" for statement in at_source),
        "then run `wwi run`, which delivers the rows without them, and erase again.",
    ])  # fmt: skip


def _refuse_what_is_not_sound(client: Client, settings: Settings, catalog: Catalog) -> None:
    """An erasure signs what raw holds: it must not sign what somebody else has changed."""
    if ledger.read_state(client, settings).unfinished:
        raise PermanentError("a batch is under way or was left by a killed run. `wwi run` clears it up.")
    found = verify(settings, catalog).findings
    if found:
        raise PermanentError(
            f"raw or the ledger is not as it was loaded ({len(found)} findings), and an erasure would sign "
            "that. Look at `wwi audit verify` first."
        )


def _record(task: Task, reason: str, by: str) -> Erasure:
    """The signed record: the content of each touched delivery before, and as it will be."""
    before = expected_contents(task.client, task.settings)
    replaced = {
        name: {column: task.erased(task.catalog.table(name), column) for column in columns}
        for name, columns in task.columns().items()
    }
    replaced[REJECTED] = {"value": _rejected(task)[1]}
    touched = [
        replace(each, replaced=replaced[each.table])
        for each in deliveries(task.client, task.settings)
        if each.table in replaced
    ]
    after = chain.contents(task.client, task.settings, touched)
    changes = tuple(
        Change(table, batch_id, chain.rows_of(content), tuple(sorted(replaced[table])), old, content)
        for (table, batch_id), content in sorted(after.items())
        if (old := before[table, batch_id]) != content
    )
    earlier = erasures.read(task.client, task.settings)
    last = earlier[-1] if earlier else None
    erasure = Erasure(
        (last.erasure_id if last else 0) + 1,
        "person",
        str(task.key),
        datetime.now(UTC),
        by,
        reason,
        _head(task.client, task.settings),
        changes,
        last.own_hash if last else chain.START,
    )
    return replace(erasure, own_hash=erasures.signature(erasure))


def _head(client: Client, settings: Settings) -> str | None:
    rows = bigquery.query(
        client,
        f"select own_hash from {ledger.table_name(settings, 'batches')} where status = '{ledger.COMPLETED}' "
        "order by batch_id desc limit 1",
        timeout_s=settings.query_timeout_s,
    )
    return rows[0]["own_hash"] if rows else None


def updates(task: Task) -> list[str]:
    """The statements that change raw, rejected values, and failing rows that hold a value of the person."""
    statements = []
    for name, columns in task.columns().items():
        table = task.catalog.table(name)
        changed = ", ".join(f"`{column}` = {task.erased(table, column)}" for column in columns)
        if table == personal.person_table(task.catalog):
            where = f"{naming.quoted(table.primary_key[0])} = {task.key}"
        else:
            where = " or ".join(
                personal.holds_value(task.settings, naming.quoted(column), task.values) for column in columns
            )
        raw = chain.raw_table(task.settings, name)
        statements.append(f"update {raw} set {changed} where {where}")
    chosen, value = _rejected(task)
    rejected = ledger.table_name(task.settings, REJECTED)
    failures = ledger.table_name(task.settings, FAILURES)
    holds = " or ".join(
        personal.holds_value(task.settings, f"coalesce({column}, '')", task.values)
        for column in ("row_key", "value")
    )
    return [
        *statements,
        f"update {rejected} set value = {value} where {chosen}",
        f"delete from {failures} where {holds}",
    ]


def _rejected(task: Task) -> tuple[str, str]:
    """SQL: which rejected values are the person's or hold a value of theirs, and what any becomes."""
    own = personal.person_table(task.catalog)
    key = f"json_value(key, '$.{own.primary_key[0]}') = '{task.key}'"
    is_own = f"(table_name = '{own.qualified}' and coalesce({key}, false))"
    held = personal.holds_value(task.settings, "value", task.values)
    rest = personal.without_values(task.settings, "value")
    return f"{is_own} or {held}", f"if({is_own}, '{ERASED}', if({held}, {rest}, value))"


def _make_again(task: Task, begun: Sequence[Erasure], vault_dir: Path) -> tuple[str, ...]:
    """Make of raw, beside the live vault, the tables that hold the changed columns, and put them in place.

    Then the stages, which hold the last delivery, and all of business vault and marts, as every build does.
    `begun`: the records of this person; an interrupted one is so finished by the next.
    """
    changed: dict[str, set[str]] = defaultdict(set)
    for each in begun:
        for change in each.changes:
            changed[change.table].update(change.columns)
    tables = [table for table in task.catalog.tables if table.qualified in changed]
    models = sorted({model for table in tables for model in _models(table, changed[table.qualified])})
    beside = side.make(task.client, task.settings, begun[-1].erasure_id)
    points = _points_in_time(beside, models, vault_dir, task.settings.dataset_prefix)
    selected = [f"+{model}" for model in (*models, *points)]
    logger.info("erase: %s from raw ...", ", ".join((*models, *points)))
    dbt.make(beside, selected, vault_dir=vault_dir, raw_prefix=task.settings.dataset_prefix)
    swap.refill(task.client, task.settings, beside, "raw_vault", _with_columns(task, "raw_vault", models))
    swap.refill(
        task.client, task.settings, beside, "business_vault", _with_columns(task, "business_vault", points)
    )
    side.drop(task.client, task.settings)
    logger.info("erase: business vault and marts ...")
    stages = [table.stage_name for table in tables]
    dbt.make(task.settings, [*stages, "business_vault", "marts"], vault_dir=vault_dir)
    return tuple(models)


def _points_in_time(
    beside: Settings, models: Sequence[str], vault_dir: Path, raw_prefix: str
) -> tuple[str, ...]:
    """The tables of the business vault that only add what a load brings, and are made of these models.

    They hold the times of states that are one and the same now, so they are made again as a whole, too.
    """
    chosen = [f"{model}+,business_vault,config.materialized:incremental" for model in models]
    arguments = ["compile", "--select", *chosen, "--no-populate-cache", "--full-refresh"]
    nodes = dbt.compiled(arguments, beside, vault_dir, raw_prefix)
    # dbt brings the tests of what is selected
    return tuple(sorted(node.name for node in nodes if node.resource_type == "model"))


def _looked_for(task: Task) -> tuple[Searched, int, tuple[str, ...]]:
    """Look for the values everywhere: what was searched, how many files, and where one was found."""
    searched = personal.search(task.client, task.settings, task.values)
    files, in_files = _files(task.client, task.settings)
    return searched, files, (*(f"{place}: {rows} rows" for place, rows in searched.found.items()), *in_files)


def _models(table: Table, columns: Collection[str]) -> list[str]:
    """The raw vault's tables that hold these columns."""
    mapping = table.vault
    if isinstance(mapping, ReferenceMapping):
        return [naming.reference(mapping.reference)]
    if isinstance(mapping, HubMapping | EventMapping):
        return [
            naming.satellite(mapping.concept, satellite.topic)
            for satellite in mapping.satellites
            if set(satellite.columns) & set(columns)
        ]
    return []  # a table that has no place in the vault


def _with_columns(task: Task, layer: Layer, models: Sequence[str]) -> list[tuple[str, list[str]]]:
    dataset = task.settings.dataset(layer)
    rows = bigquery.query(
        task.client,
        "select table_name, column_name\n"
        f"from `{task.settings.project}`.`{dataset}`.INFORMATION_SCHEMA.COLUMNS",
        timeout_s=task.settings.query_timeout_s,
    )
    found: Mapping[str, list[str]] = {model: [] for model in models}
    for row in rows:
        if row["table_name"] in found:
            found[row["table_name"]].append(row["column_name"])
    return list(found.items())


def _files(client: Client, settings: Settings) -> tuple[int, tuple[str, ...]]:
    """Read the files that this platform leaves in WWI_HOME: state, dbt's and Prefect's, logs, the dashboard.

    Not those of the local services: what is in the source's and the emulator's own files is theirs.
    """
    values = [
        form.encode()
        for value in personal.read_values(client, settings)
        for form in {value, json.dumps(value)[1:-1]}  # as text, and as JSON writes it
    ]
    paths = [
        path
        for path in sorted(settings.home.rglob("*"))
        if path.is_file() and path.relative_to(settings.home).parts[0] not in SERVICES
    ]
    found = []
    for path in paths:
        content = path.read_bytes()
        if any(value in content for value in values):
            found.append(str(path.relative_to(settings.home)))
    return len(paths), tuple(found)
