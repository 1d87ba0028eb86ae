"""Whether raw and the ledger still are what they were when each batch was completed.

Raw is asked for the content of every batch, the ledger for its rows; the chain of hashes (ingestion/chain.py)
is gone through from the first batch to the last. What differs is named by table and batch, and its rows by
comparing raw with what the vault took from it. An erasure of personal values tells the contents that it left
behind (ingestion/erasures.py): they count in the place of those at the load.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from google.cloud.bigquery import Client

from ingestion import bigquery, chain, erasures, ledger
from ingestion.errors import MissingInWarehouseError
from ingestion.raw_layout import plumbing_names
from ingestion.settings import Settings
from metadata import naming
from metadata.errors import WwiError
from metadata.spec import Catalog, Table
from questions.delivery import rebuilt

SHOWN_ROWS = 5
Row = dict[str, Any]
PARTS = ("table_loads", "control_totals")


@dataclass(frozen=True)
class Finding:
    """What is not as it was. `table`: a source table, or one of the ledger; `rows`: keys, as far as known."""

    what: str
    batch_id: int | None = None
    table: str | None = None
    rows: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Verification:
    """What was looked at, and everything that was found. `head`: hash of the newest batch.

    `unchained`: completed batches from before the chain, whose rows nothing vouches for. `erasures`: how many
    signed records explain contents that differ from the load's.
    """

    verified_at: datetime
    batches: int
    deliveries: int
    rows: int
    head: str | None
    unchained: tuple[int, ...]
    erasures: int
    findings: tuple[Finding, ...]


def verify(settings: Settings, catalog: Catalog, *, head: str | None = None) -> Verification:
    """Recompute every content from raw and every hash from the ledger.

    `head`: a hash that was noted earlier; it must still be in the chain. Raises WwiError when no batch was
    ever completed.
    """
    client = bigquery.connect(settings, "audit")
    try:
        state = _read(client, settings)
    except MissingInWarehouseError:
        state = None
    if state is None or not state.completed:
        raise WwiError("nothing to verify: no batch was completed yet. Run `wwi run`.")
    findings = [*_chain(state), *_erasures(state)]
    if head and head not in {batch["own_hash"] for batch in state.completed}:
        findings.append(
            Finding(f"no batch has the hash {head}: the end of the chain was cut off or replaced")
        )
    expected = _after_erasures(state, _contents_at_load(state))
    found = chain.contents(client, settings, _deliveries(state))
    for (table, batch_id), content in sorted(expected.items(), key=lambda each: (each[0][1], each[0][0])):
        is_now = found.get((table, batch_id))
        if is_now != content:
            rows = _located(client, settings, catalog, state, table, batch_id)
            findings.append(Finding(_difference(content, is_now, "raw"), batch_id, table, rows))
    findings += _ledger_rows(client, settings, state)
    findings += _later_columns(client, settings, state)
    findings += _strays(client, settings, state)
    chained = [batch for batch in state.completed if batch["own_hash"]]
    return Verification(
        datetime.now(UTC),
        len(state.completed),
        len(expected),
        sum(chain.rows_of(content) for content in expected.values()),
        chained[-1]["own_hash"] if chained else None,
        tuple(batch["batch_id"] for batch in _unchained(state)),
        len(state.erasures),
        tuple(findings),
    )


def expected_contents(client: Client, settings: Settings) -> dict[tuple[str, int], str | None]:
    """Return {(table, batch): content} of raw and of `ledger.CONTENTS`, as the ledger says that it is now."""
    state = _read(client, settings)
    return _after_erasures(state, _contents_at_load(state) | _ledger_contents_at_load(state))


def deliveries(client: Client, settings: Settings) -> list[chain.Delivery]:
    """Return every delivery whose content is in the chain."""
    state = _read(client, settings)
    return [*_deliveries(state), *_ledger_deliveries(settings, state)]


@dataclass(frozen=True)
class _State:
    """The ledger as it stands: batches in their order, and the rows of each."""

    batches: Sequence[Row]
    parts: Mapping[str, Mapping[int, Sequence[Row]]]
    vault_batches: frozenset[int]
    erasures: Sequence[erasures.Erasure]

    @property
    def completed(self) -> list[Row]:
        return [batch for batch in self.batches if batch["status"] == ledger.COMPLETED]


def _read(client: Client, settings: Settings) -> _State:
    def ask(name: str, order: str = "batch_id") -> list[Row]:
        sql = f"select * from {ledger.table_name(settings, name)} order by {order}"
        return bigquery.query(client, sql, timeout_s=settings.load_timeout_s)

    parts: dict[str, dict[int, list[Row]]] = {}
    for name in PARTS:
        by_batch: dict[int, list[Row]] = defaultdict(list)
        for row in ask(name, "batch_id, table_name"):
            by_batch[row["batch_id"]].append(row)
        parts[name] = by_batch
    batches = ask("batches")
    if batches and "own_hash" not in batches[0]:
        batches = [{**batch, **dict.fromkeys(chain.HASHES)} for batch in batches]
    in_vault = frozenset(int(row["batch_id"]) for row in ask("vault_loads"))
    return _State(batches, parts, in_vault, erasures.read(client, settings))


def _unchained(state: _State) -> list[Row]:
    """The completed batches at the beginning that an older release loaded, without a hash."""
    found = []
    for batch in state.completed:
        if batch["own_hash"]:
            break
        found.append(batch)
    return found


def _chain(state: _State) -> Iterator[Finding]:
    """Go through the ledger: no number may lack, no hash may differ, each must know the one before."""
    ids = [int(batch["batch_id"]) for batch in state.batches]
    for number in sorted({number for number in ids if ids.count(number) > 1}):
        yield Finding(f"the ledger has {ids.count(number)} rows of this batch", number, "batches")
    for number in sorted(set(range(1, max(ids) + 1)) - set(ids)):
        yield Finding("the ledger's row of this batch is gone", number, "batches")
    known = {number for part in state.parts.values() for number in part} | state.vault_batches
    for number in sorted(known - set(ids)):
        if number > max(ids):
            yield Finding("the ledger's row of this batch is gone", number, "batches")
    completed, before = state.completed, chain.START
    for batch in completed[len(_unchained(state)) :]:
        number = int(batch["batch_id"])
        rows = [state.parts[name].get(number, []) for name in PARTS]
        if not batch["own_hash"]:
            yield Finding("a completed batch without a hash after one that has one", number, "batches")
            continue
        if batch["previous_hash"] != before:
            yield Finding("it does not follow the batch before it: that one was removed or altered", number)
        if chain.link(batch["previous_hash"] or "", batch, ledger.chained(*rows)) != batch["own_hash"]:
            yield Finding("a row of the ledger was altered, added or removed", number, _altered(batch, rows))
        before = batch["own_hash"]


def _altered(batch: Row, rows: Sequence[Sequence[Row]]) -> str:
    """Where in the ledger the change must be, as far as its own figures tell."""
    loads, totals = rows
    listed = {row["table_name"] for row in loads}
    if listed != {row["table_name"] for row in totals}:
        return "table_loads" if {row["table_name"] for row in totals} - listed else "control_totals"
    return ", ".join(("batches", *PARTS))


def _erasures(state: _State) -> Iterator[Finding]:
    """Each erasure must be as it was signed, and begin with the contents that the one before it left."""
    now = _contents_at_load(state) | _ledger_contents_at_load(state)
    before = chain.START
    for each in state.erasures:
        if each.previous_hash != before or erasures.signature(each) != each.own_hash:
            yield Finding(f"the record of erasure {each.erasure_id} was altered", None, "erasures")
        before = each.own_hash
        for change in each.changes:
            key = change.table, change.batch_id
            if now.get(key) != change.old_content:
                text = f"erasure {each.erasure_id} does not begin with what the batch held"
                yield Finding(text, change.batch_id, change.table)
            now[key] = change.new_content


def _contents_at_load(state: _State) -> dict[tuple[str, int], str | None]:
    return {
        (row["table_name"], batch["batch_id"]): row["content"]
        for batch in state.completed
        if batch["own_hash"]
        for row in state.parts["table_loads"].get(batch["batch_id"], [])
    }


def _ledger_contents_at_load(state: _State) -> dict[tuple[str, int], str | None]:
    """The content of what each batch loaded into the ledger; none of batches of an older release."""
    return {
        (name, batch["batch_id"]): batch[column]
        for batch in state.completed
        for name, column in ledger.CONTENTS.items()
        if batch["own_hash"] and batch.get(column)
    }


def _after_erasures(
    state: _State, at_load: Mapping[tuple[str, int], str | None]
) -> dict[tuple[str, int], str | None]:
    """The content that each delivery must have now: that of the load, or what an erasure left."""
    found = dict(at_load)
    for each in state.erasures:
        found |= {
            key: change.new_content
            for change in each.changes
            if (key := (change.table, change.batch_id)) in found
        }
    return found


def _ledger_rows(client: Client, settings: Settings, state: _State) -> Iterator[Finding]:
    """Tables of the ledger whose rows are not what a batch has loaded into them."""
    expected = _after_erasures(state, _ledger_contents_at_load(state))
    found = chain.contents(client, settings, _ledger_deliveries(settings, state))
    for (name, batch_id), content in sorted(expected.items()):
        is_now = found.get((name, batch_id), chain.NOTHING)
        if is_now != content:
            yield Finding(_difference(content, is_now, "the ledger"), batch_id, name)


def _ledger_deliveries(settings: Settings, state: _State) -> list[chain.Delivery]:
    batches = sorted({batch_id for _, batch_id in _ledger_contents_at_load(state)})
    return ledger.loaded(settings, batches) if batches else []


def _deliveries(state: _State) -> list[chain.Delivery]:
    """What to ask of raw: a table with the same columns in several batches is read once."""
    groups: dict[tuple[str, tuple[str, ...]], list[int]] = defaultdict(list)
    for table, batch_id in _contents_at_load(state):
        load = next(row for row in state.parts["table_loads"][batch_id] if row["table_name"] == table)
        groups[table, tuple(json.loads(load["columns"] or "{}"))].append(batch_id)
    return [chain.Delivery(table, columns, tuple(ids)) for (table, columns), ids in groups.items()]


def _difference(expected: str | None, found: str | None, where: str) -> str:
    more = chain.rows_of(found) - chain.rows_of(expected)
    if more:
        return f"{abs(more)} rows {'added to' if more > 0 else 'missing in'} {where}"
    return f"rows changed in {where}"


def _later_columns(client: Client, settings: Settings, state: _State) -> Iterator[Finding]:
    """Rows with a value in a column that their batch did not bring, so that its content leaves it out."""
    listed: dict[str, set[str]] = defaultdict(set)
    for row in bigquery.query(client, _columns_statement(settings), timeout_s=settings.query_timeout_s):
        listed[row["table_name"]].add(row["column_name"])
    for delivery in _deliveries(state):
        known = {*delivery.columns, *plumbing_names()}
        raw_name = naming.raw_table(*delivery.table.split(".", 1))
        for name in sorted(listed[raw_name] - known):
            sql = (
                f"select batch_id, count(*) as row_count from {chain.raw_table(settings, delivery.table)} "
                f"where batch_id in ({', '.join(map(str, delivery.batches))}) and `{name}` is not null "
                "group by batch_id"
            )
            for row in bigquery.query(client, sql, timeout_s=settings.load_timeout_s):
                text = f"{row['row_count']} rows hold a column that this batch did not bring: {name}"
                yield Finding(text, row["batch_id"], delivery.table)


def _columns_statement(settings: Settings) -> str:
    return (
        "select table_name, column_name\n"
        f"from `{settings.project}`.`{settings.dataset('raw')}`.INFORMATION_SCHEMA.COLUMNS"
    )


def _strays(client: Client, settings: Settings, state: _State) -> Iterator[Finding]:
    """Rows of raw that belong to no batch of the ledger."""
    tables = sorted({row["table_name"] for rows in state.parts["table_loads"].values() for row in rows})
    known = ", ".join(str(batch["batch_id"]) for batch in state.batches)
    sql = "\nunion all\n".join(
        f"select '{table}' as table_name, batch_id, count(*) as row_count "
        f"from {chain.raw_table(settings, table)} where batch_id is null or batch_id not in ({known}) "
        "group by batch_id"
        for table in tables
    )
    for row in bigquery.query(client, sql, timeout_s=settings.load_timeout_s) if tables else []:
        text = f"{row['row_count']} rows in raw of a batch that the ledger does not know"
        yield Finding(text, row["batch_id"], row["table_name"])


def _located(  # noqa: PLR0913, PLR0917 - a delivery, and where everything stands
    client: Client, settings: Settings, catalog: Catalog, state: _State, table: str, batch_id: int
) -> tuple[str, ...]:
    """Name the rows of a delivery that the vault knows otherwise, by key; none where it cannot tell."""
    described = {each.qualified: each for each in catalog.tables}.get(table)
    if described is None or described.vault is None or batch_id not in state.vault_batches:
        return ()
    load_dts = next(batch["load_dts"] for batch in state.batches if batch["batch_id"] == batch_id)
    sql = located_statement(settings, catalog, described, batch_id, load_dts)
    rows = bigquery.query(client, sql, timeout_s=settings.load_timeout_s)
    return tuple(f"{row['row_key']}: {row['what']}" for row in rows)


def located_statement(
    settings: Settings, catalog: Catalog, table: Table, batch_id: int, load_dts: datetime
) -> str:
    """The rows of a delivery in raw that differ from the table as the vault has it after that batch.

    Columns: row_key (JSON), what. A row that a batch brought unchanged and that is missing is not found: the
    vault does not know that it came again.
    """
    columns = ", ".join(f"`{column.name}`" for column in table.loaded_columns)
    parts = {
        "now": rebuilt(catalog, table, settings, as_of=load_dts),
        "earlier": rebuilt(catalog, table, settings, as_of=load_dts - timedelta(microseconds=1)),
        "delivered": f"select {columns} from {chain.raw_table(settings, table.qualified)} "
        f"where batch_id = {batch_id} and change_type = 'upsert'",
        "deleted": f"select {columns} from {chain.raw_table(settings, table.qualified)} "
        f"where batch_id = {batch_id} and change_type = 'delete'",
    }
    sides = ",\n".join(
        f"{name} as (\n{_texts(sql, columns, table.primary_key)}\n)" for name, sql in parts.items()
    )
    return f"""with
{sides},

wrong as (
    select delivered.row_key, 'changed' as what
    from delivered inner join now on delivered.row_key = now.row_key
    where delivered.row_text != now.row_text
    union all
    select row_key, 'added' from delivered where row_key not in (select row_key from now)
    union all
    select row_key, 'a delete was added' from deleted where row_key in (select row_key from now)
    union all
    select row_key, 'there more than once' from delivered group by row_key having count(*) > 1
    union all
    select now.row_key, 'missing'
    from now left join earlier on now.row_key = earlier.row_key
    where
        (earlier.row_text is null or earlier.row_text != now.row_text)
        and now.row_key not in (select row_key from delivered)
    union all
    select row_key, 'a delete is missing'
    from earlier
    where
        row_key not in (select row_key from now)
        and row_key not in (select row_key from deleted)
)

select row_key, min(what) as what
from wrong
group by row_key
order by row_key
limit {SHOWN_ROWS}"""


def _texts(rows: str, columns: str, key: Collection[str]) -> str:
    """Key and whole row as JSON texts."""
    listed = ", ".join(f"'\"{name}\":', to_json_string(one_row.`{name}`)" for name in key)
    separated = listed.replace("), '\"", "), ',', '\"")
    return f"""    select concat('{{', {separated}, '}}') as row_key, to_json_string(one_row) as row_text
    from (select {columns} from ({rows})) as one_row"""
