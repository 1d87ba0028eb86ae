"""The rows that failed a data test, stored in the ledger with key, column and value.

A generic test of this project selects `row_key`, `column_name`, `value` and `expected`
(vault/macros/failing_rows.sql). For other tests the whole failing row is stored as JSON in `row_key`. Rows
are copied inside the warehouse, so no statement contains a value: BigQuery keeps the text of statements.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from google.cloud.bigquery import Client

from config.settings import Settings
from warehouse.ledger.tables import layout, string_literal, table_name
from warehouse.queries import execute, query
from warehouse.tables import ensure_table

TABLE = "test_failures"
ROWS_PER_COLUMN = 20
TEXT_LENGTH = 1000


@dataclass(frozen=True)
class FailedTest:
    """A data test that found rows: its name, the tested table, and the SELECT of the failing rows."""

    name: str
    table: str
    sql: str


@dataclass(frozen=True)
class FailingRow:
    """A row that failed a test: its key, and the column with the found and the expected value.

    `status`: "warn" or "fail". `rows`: number of rows that failed for this column; the ledger stores the
    first ones. For a test that is not from this project, `key` is the row as JSON and the rest is None.
    """

    test: str
    table: str
    key: str
    column: str | None
    value: str | None
    expected: str | None
    rows: int
    status: str

    def __str__(self) -> str:
        """Return the row as one sentence."""
        if self.column is None:
            return f"{self.table} {self.key}"
        value = "null" if self.value is None else self.value
        return f"{self.table} {self.key}, {self.column}: {value} (expected {self.expected})"


def copy_failures(
    client: Client, settings: Settings, invocation_id: str, finished_at: datetime, tests: Sequence[FailedTest]
) -> None:
    """Copy the first failing rows of each test into the ledger."""
    if not tests:
        return
    ensure_table(client, layout(settings, TABLE))
    for test in tests:
        statement = _INSERT.format(
            test_failures=table_name(settings, TABLE),
            invocation_id=invocation_id,
            test=string_literal(test.name),
            table=string_literal(test.table),
            finished_at=finished_at.isoformat(sep=" "),
            failing=test.sql,
            length=TEXT_LENGTH,
            rows=ROWS_PER_COLUMN,
        )
        execute(client, statement, timeout_s=settings.load_timeout_s)


def read_failures(client: Client, settings: Settings, invocation_id: str) -> tuple[FailingRow, ...]:
    """Return the failing rows of one build that are stored in the ledger."""
    rows = query(
        client,
        _FAILURES_OF_BUILD.format(
            test_failures=table_name(settings, TABLE),
            build_nodes=table_name(settings, "build_nodes"),
        ),
        {"invocation_id": invocation_id},
        settings.query_timeout_s,
    )
    return tuple(FailingRow(**row) for row in rows)


# shorter keys first, so that numbers are in order
_INSERT = """
insert into {test_failures} (
    invocation_id, test_name, table_name, row_key, column_name, value, expected, failing_rows, finished_at
)
select
    '{invocation_id}',
    {test},
    {table},
    substr(row_key, 1, {length}),
    column_name,
    substr(value, 1, {length}),
    expected,
    failing_rows,
    timestamp '{finished_at}'
from (
    select
        *,
        count(*) over (partition by column_name) as failing_rows,
        row_number() over (partition by column_name order by length(row_key), row_key, value) as place
    from (
        select
            coalesce(json_value(line, '$.row_key'), line) as row_key,
            json_value(line, '$.column_name') as column_name,
            json_value(line, '$.value') as value,
            json_value(line, '$.expected') as expected
        from (
            select to_json_string(failing) as line
            from (
{failing}
            ) as failing
        )
    )
)
where place <= {rows}
"""

# the columns of FailingRow
COLUMNS = """
    failures.test_name as test,
    failures.table_name as `table`,
    failures.row_key as key,
    failures.column_name as `column`,
    failures.value,
    failures.expected,
    failures.failing_rows as `rows`,
    nodes.status"""
ORDER = "failures.table_name, failures.column_name, length(failures.row_key), failures.row_key"

_FAILURES_OF_BUILD = f"""
select {COLUMNS}
from {{test_failures}} as failures
inner join {{build_nodes}} as nodes
    on
        failures.invocation_id = nodes.invocation_id
        and failures.test_name = nodes.name
where failures.invocation_id = @invocation_id and nodes.kind = 'test'
order by {ORDER}
"""
