"""What a warehouse holds, told without the moments at which it came: two runs of one story must be equal.

Loads happen when they happen, so load times and batch numbers differ between two runs. Both name a batch, and
every batch knows the business clock of the source at its snapshot: that is put in their place. A batch that
was finished by a later run and the empty one that this run added have the same clock.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.cloud.bigquery import Client

from config.settings import Settings
from warehouse.client import connect
from warehouse.queries import query

LAYERS = ("raw", "raw_vault", "business_vault", "marts")
# They name a batch by its number.
BATCH_NUMBERS = {"batch_id", "lineage_key"}
# They list the batches, of which an accident makes more.
OF_BATCHES = {"business_vault.bv_batch"}


@dataclass(frozen=True)
class Table:
    """The rows of one table: how many, a digest of all, and the first of them to look at."""

    rows: int
    digest: str
    sample: tuple[str, ...]


def contents(settings: Settings) -> dict[str, Table]:
    """Return every table and view of raw, vault and marts, by `layer.name`; of raw the visible rows."""
    client = connect(settings)
    clocks = _clocks(client, settings)
    found = {}
    for layer in LAYERS:
        for name in _tables(client, settings.dataset(layer)):
            if f"{layer}.{name}" not in OF_BATCHES:
                found[f"{layer}.{name}"] = _table(client, settings, layer, name, clocks)
    return found


def differences(expected: Mapping[str, Table], found: Mapping[str, Table]) -> list[str]:
    """A line for every table that is not the same in both."""
    lines = []
    for name in sorted({*expected, *found}):
        one, other = expected.get(name), found.get(name)
        if one is None or other is None:
            lines.append(f"{name}: only in the {'disturbed' if one is None else 'undisturbed'} run")
        elif one.digest != other.digest:
            apart = [row for row in other.sample if row not in set(one.sample)][:2]
            lines.append(f"{name}: {one.rows} rows undisturbed, {other.rows} disturbed {apart}")
    return lines


def _clocks(client: Client, settings: Settings) -> dict[Any, datetime]:
    """Batch number and load time -> the business clock of the completed batch."""
    rows = query(
        client,
        f"select batch_id, load_dts, applied_dts from {settings.dataset('audit')}.batches "
        "where status = 'completed'",
    )
    return {row[name]: row["applied_dts"] for row in rows for name in ("batch_id", "load_dts")}


def _tables(client: Client, dataset: str) -> list[str]:
    rows = query(client, f"select table_name from {dataset}.INFORMATION_SCHEMA.TABLES order by table_name")
    return [row["table_name"] for row in rows]


def _table(
    client: Client, settings: Settings, layer: str, name: str, clocks: Mapping[Any, datetime]
) -> Table:
    visible = (
        f" where batch_id in (select batch_id from {settings.dataset('audit')}.batches "
        "where status = 'completed')"
        if layer == "raw"
        else ""
    )
    rows = query(client, f"select * from {settings.dataset(layer)}.{name}{visible}", timeout_s=300)
    texts = sorted(repr([_timeless(column, value, clocks) for column, value in row.items()]) for row in rows)
    digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()
    return Table(len(texts), digest, tuple(texts[:20_000]))


def _timeless(column: str, value: Any, clocks: Mapping[Any, datetime]) -> Any:
    if column in BATCH_NUMBERS or (isinstance(value, datetime) and value.tzinfo):
        return clocks.get(value, value)
    return value
