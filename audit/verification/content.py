"""Row counts and checksums of the tables of vault and marts, for comparing two states.

Each row is written as JSON, which keeps every type without loss and distinguishes NULL from ''. The checksum
of a table is the sum of 60 bits of each row's MD5: the order of rows does not matter, duplicate rows do. For
tables that differ, the first differing rows are reported by key and column name only, because other values
may be personal.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Any

from google.cloud.bigquery import Client

from config.settings import Layer, Settings
from warehouse.queries import query

LAYERS: tuple[Layer, ...] = ("raw_vault", "business_vault", "marts")
# temporary tables of a dbt run that is still running or was killed
TEMPORARY = "__dbt_"
TABLES_A_STATEMENT = 30
SHOWN_ROWS = 5
KEY_ENDINGS = ("_hk", "_key", "_id")
KEY_TIMES = ("load_dts", "snapshot_date", "valid_from")
KEY_COLUMNS = 3

Name = tuple[Layer, str]


@dataclass(frozen=True)
class Shape:
    """A table or view: its columns with their types, in order, and its physical layout.

    `layout`: the partitioning column, then the clustering columns.
    """

    layer: Layer
    name: str
    is_view: bool
    columns: Mapping[str, str]
    layout: tuple[str | None, ...] = (None,)


@dataclass(frozen=True)
class Content:
    """The row count, and the sum of 60 bits of each row's MD5."""

    rows: int
    checksum: Decimal


@dataclass(frozen=True)
class TableComparison:
    """A live table or view next to the rebuilt one; None if it does not exist.

    `difference` describes what differs; it is empty if both are equal. `examples`: the first differing rows,
    by key, without other values.
    """

    layer: Layer
    table: str
    live: Content | None
    rebuilt: Content | None
    difference: str = ""
    examples: tuple[str, ...] = field(default=())

    @property
    def is_equal(self) -> bool:
        """Whether columns and content are equal."""
        return not self.difference


def shapes(client: Client, settings: Settings) -> dict[Name, Shape]:
    """Return every table and view of raw vault, business vault and marts, in this order."""
    found = {}
    for layer in LAYERS:
        columns: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for row in query(client, columns_statement(settings, layer), timeout_s=settings.query_timeout_s):
            columns[row["table_name"]].append(row)
        rows = query(client, tables_statement(settings, layer), timeout_s=settings.query_timeout_s)
        kinds = {row["table_name"]: row["table_type"] for row in rows}
        for name in sorted(columns):
            if name in kinds and TEMPORARY not in name:
                found[layer, name] = _shape(layer, name, kinds[name], columns[name])
    return found


def columns_statement(settings: Settings, layer: Layer) -> str:
    """Return the SELECT of the columns of a layer's tables."""
    return (
        "select table_name, column_name, data_type, is_partitioning_column, clustering_ordinal_position\n"
        f"from `{settings.project}`.`{settings.dataset(layer)}`.INFORMATION_SCHEMA.COLUMNS\n"
        "order by table_name, ordinal_position"
    )


def tables_statement(settings: Settings, layer: Layer) -> str:
    """Return the SELECT of the tables and views of a layer."""
    return (
        "select table_name, table_type\n"
        f"from `{settings.project}`.`{settings.dataset(layer)}`.INFORMATION_SCHEMA.TABLES"
    )


def _shape(layer: Layer, name: str, kind: str, columns: Sequence[Mapping[str, Any]]) -> Shape:
    clustered = [row for row in columns if row["clustering_ordinal_position"] is not None]
    clustered.sort(key=lambda row: int(row["clustering_ordinal_position"]))
    partitions = [row["column_name"] for row in columns if row["is_partitioning_column"] == "YES"]
    return Shape(
        layer,
        name,
        kind == "VIEW",
        {row["column_name"]: row["data_type"] for row in columns},
        (*(partitions or [None]), *(row["column_name"] for row in clustered)),
    )


def compare(client: Client, live: Settings, rebuilt: Settings) -> tuple[TableComparison, ...]:
    """Compare every table and view of vault and marts under two prefixes by columns and content."""
    ours, theirs = shapes(client, live), shapes(client, rebuilt)
    found_live = contents(client, live, ours.values())
    found_rebuilt = contents(client, rebuilt, theirs.values())
    compared = []
    for name in sorted({*ours, *theirs}, key=lambda each: (LAYERS.index(each[0]), each[1])):
        before, after = found_live.get(name), found_rebuilt.get(name)
        difference = _difference(ours.get(name), theirs.get(name), before, after)
        examples: tuple[str, ...] = ()
        if difference and name in ours and name in theirs and ours[name].columns == theirs[name].columns:
            examples = _examples(client, live, rebuilt, theirs[name])
        compared.append(TableComparison(*name, before, after, difference, examples))
    return tuple(compared)


def contents(client: Client, settings: Settings, wanted: Iterable[Shape]) -> dict[Name, Content]:
    """Return row count and checksum of the tables and views."""
    found: dict[Name, Content] = {}
    rest = iter(wanted)
    while chunk := list(islice(rest, TABLES_A_STATEMENT)):
        for row in query(client, checksum_statement(settings, chunk), timeout_s=settings.load_timeout_s):
            content = Content(int(row["row_count"]), Decimal(row["checksum"]).to_integral_value())
            found[row["layer"], row["table_name"]] = content
    return found


def checksum_statement(settings: Settings, wanted: Sequence[Shape]) -> str:
    """Return a SELECT with one row per table: layer, table_name, row_count, checksum.

    Each table is read once.
    """
    return "\nunion all\n".join(
        f"""select
    '{each.layer}' as layer, '{each.name}' as table_name, count(*) as row_count,
    coalesce(sum(cast(
        cast(concat('0x', substr(to_hex(md5(to_json_string(one_row))), 1, 15)) as int64) as bignumeric
    )), 0) as checksum
from ({_rows(settings, each, sorted(each.columns))}) as one_row"""
        for each in wanted
    )


def differing_statement(live: Settings, rebuilt: Settings, table: Shape) -> str:
    """Return the SELECT of the first rows that differ in number: row_text, live_rows, rebuilt_rows.

    The comparison is exact: it compares whole rows and how often each occurs.
    """
    columns = list(table.columns)
    sides = [
        f"select to_json_string(one_row) as row_text, {in_live} as in_live, {in_rebuilt} as in_rebuilt\n"
        f"    from ({_rows(settings, table, columns)}) as one_row"
        for settings, in_live, in_rebuilt in ((live, 1, 0), (rebuilt, 0, 1))
    ]
    both = "\n    union all\n    ".join(sides)
    return f"""select row_text, sum(in_live) as live_rows, sum(in_rebuilt) as rebuilt_rows
from (
    {both}
)
group by row_text
having sum(in_live) != sum(in_rebuilt)
order by row_text
limit {SHOWN_ROWS * 2}"""


def _rows(settings: Settings, table: Shape, columns: Sequence[str]) -> str:
    listed = ", ".join(f"`{name}`" for name in columns)
    return f"select {listed} from `{settings.project}.{settings.dataset(table.layer)}.{table.name}`"


def _difference(
    ours: Shape | None, theirs: Shape | None, before: Content | None, after: Content | None
) -> str:
    """Describe what differs; empty if nothing does."""
    if ours is None or before is None:
        return "missing in live"
    if theirs is None or after is None:
        return "no model builds it"
    columns = [
        *(f"live has no column {name}" for name in theirs.columns if name not in ours.columns),
        *(f"no model has column {name}" for name in ours.columns if name not in theirs.columns),
        *(
            f"column {name} is {ours.columns[name]}, not {kind}"
            for name, kind in theirs.columns.items()
            if ours.columns.get(name, kind) != kind
        ),
    ]
    if columns:
        return "; ".join(columns)
    if ours.is_view != theirs.is_view:
        return f"live is a {'view' if ours.is_view else 'table'}"
    if before.rows != after.rows:
        more = before.rows - after.rows
        return f"live has {abs(more)} rows too {'many' if more > 0 else 'few'}"
    return "" if before == after else "rows differ"


def _examples(client: Client, live: Settings, rebuilt: Settings, table: Shape) -> tuple[str, ...]:
    rows = query(client, differing_statement(live, rebuilt, table), timeout_s=live.load_timeout_s)
    return describe(rows, _keys(table))[:SHOWN_ROWS]


def _keys(table: Shape) -> list[str]:
    """Return columns that identify a row and are not personal: its key, its time, other keys."""
    first, *others = [name for name in table.columns if name.endswith(KEY_ENDINGS)] or list(table.columns)[:1]
    return [first, *(name for name in KEY_TIMES if name in table.columns), *others][:KEY_COLUMNS]


def describe(rows: Iterable[Mapping[str, Any]], keys: Sequence[str]) -> tuple[str, ...]:
    """Describe each differing row: `order_key 7: differs in picked_when`.

    `rows` as returned by `differing_statement`. Only the values of `keys` are shown.
    """
    by_key: dict[str, list[tuple[Mapping[str, Any], int, int]]] = defaultdict(list)
    for row in rows:
        values = json.loads(row["row_text"])
        key = ", ".join(f"{name} {values[name]}" for name in keys)
        by_key[key].append((values, int(row["live_rows"]), int(row["rebuilt_rows"])))
    return tuple(f"{key}: {_verdict(found)}" for key, found in by_key.items())


def _verdict(found: Sequence[tuple[Mapping[str, Any], int, int]]) -> str:
    """Describe the differing rows of one key. `found`: values, count in live, count in the rebuilt table."""
    ours = [values for values, live, rebuilt in found if live > rebuilt]
    theirs = [values for values, live, rebuilt in found if live < rebuilt]
    if len(ours) == len(theirs) == 1 and len(found) == 2:  # one row that was changed
        columns = [name for name, value in ours[0].items() if value != theirs[0].get(name)]
        return f"differs in {', '.join(columns)}"
    live, rebuilt = sum(each[1] for each in found), sum(each[2] for each in found)
    if live and rebuilt:
        return f"{live} times in live, {rebuilt} times in the rebuilt table"
    return "only in live" if live else "missing in live"
