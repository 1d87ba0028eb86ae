"""The statements of an erasure that change raw and the ledger, and its signed record."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from google.cloud.bigquery import Client

from audit.verification.verify import deliveries, expected_contents
from config.settings import Settings
from ingestion.extract.rejected_values import TABLE as REJECTED
from metadata import naming
from metadata.spec import Catalog, Table
from operations.erasure import personal_values
from operations.erasure.personal_values import Occurrence
from warehouse.ledger import erasures, hash_chain
from warehouse.ledger.erasures import ERASED, Change, Erasure
from warehouse.ledger.tables import COMPLETED, table_name
from warehouse.ledger.test_failures import TABLE as FAILURES
from warehouse.queries import query


@dataclass(frozen=True)
class Task:
    """One erasure in progress. `values`: number of texts to search for."""

    client: Client
    settings: Settings
    catalog: Catalog
    key: int
    occurrences: tuple[Occurrence, ...]
    values: int

    def columns(self) -> dict[str, list[str]]:
        """Return {table: columns to change}."""
        found: dict[str, list[str]] = {}
        for each in self.occurrences:
            found.setdefault(each.table, []).append(each.column)
        return found

    def erased(self, table: Table, name: str) -> str:
        """Return the SQL expression of a column's value after the erasure, for any row of the table."""
        text = naming.quoted(name)
        if table != personal_values.person_table(self.catalog):
            found = personal_values.contains_value(self.settings, text, self.values)
            return f"if({found}, {personal_values.without_values(self.settings, text)}, {text})"
        column = table.column(name)
        instead = "null" if column.nullable else f"'{ERASED}'"
        own = f"{naming.quoted(table.primary_key[0])} = {self.key} and change_type = 'upsert'"
        return f"if({own} and {personal_values.is_not_erased(column)}, {instead}, {text})"


def sign_record(task: Task, reason: str, by: str) -> Erasure:
    """Return the signed record: the checksums of each affected table and batch before and after."""
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
    after = hash_chain.content_checksums(task.client, task.settings, touched)
    changes = tuple(
        Change(table, batch_id, hash_chain.row_count(content), tuple(sorted(replaced[table])), old, content)
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
        last.own_hash if last else hash_chain.GENESIS_HASH,
    )
    return replace(erasure, own_hash=erasures.signature(erasure))


def _head(client: Client, settings: Settings) -> str | None:
    rows = query(
        client,
        f"select own_hash from {table_name(settings, 'batches')} where status = '{COMPLETED}' "
        "order by batch_id desc limit 1",
        timeout_s=settings.query_timeout_s,
    )
    return rows[0]["own_hash"] if rows else None


def updates(task: Task) -> list[str]:
    """Return the statements that change raw and rejected values, and delete failing rows with a value."""
    statements = []
    for name, columns in task.columns().items():
        table = task.catalog.table(name)
        changed = ", ".join(f"`{column}` = {task.erased(table, column)}" for column in columns)
        if table == personal_values.person_table(task.catalog):
            where = f"{naming.quoted(table.primary_key[0])} = {task.key}"
        else:
            where = " or ".join(
                personal_values.contains_value(task.settings, naming.quoted(column), task.values)
                for column in columns
            )
        raw = hash_chain.raw_table(task.settings, name)
        statements.append(f"update {raw} set {changed} where {where}")
    chosen, value = _rejected(task)
    rejected = table_name(task.settings, REJECTED)
    failures = table_name(task.settings, FAILURES)
    holds = " or ".join(
        personal_values.contains_value(task.settings, f"coalesce({column}, '')", task.values)
        for column in ("row_key", "value")
    )
    return [
        *statements,
        f"update {rejected} set value = {value} where {chosen}",
        f"delete from {failures} where {holds}",
    ]


def _rejected(task: Task) -> tuple[str, str]:
    """Return the condition for affected rejected values, and the expression of their new value."""
    own = personal_values.person_table(task.catalog)
    key = f"json_value(key, '$.{own.primary_key[0]}') = '{task.key}'"
    is_own = f"(table_name = '{own.qualified}' and coalesce({key}, false))"
    contains = personal_values.contains_value(task.settings, "value", task.values)
    rest = personal_values.without_values(task.settings, "value")
    return f"{is_own} or {contains}", f"if({is_own}, '{ERASED}', if({contains}, {rest}, value))"
