"""Row counts and checksums of a warehouse without load times, for comparing two runs of one scenario.

Load times and batch numbers differ between two runs, so they are replaced by the applied time of their batch.
A batch that was finished by a later run has the same applied time as the empty batch which that run added.
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
# columns with a batch number
BATCH_NUMBERS = {"batch_id", "lineage_key"}
# tables with one row per batch; failures add batches
BATCH_TABLES = {"business_vault.bv_batch"}


@dataclass(frozen=True)
class Table:
    """The row count of a table, a checksum of its rows, and a sample."""

    rows: int
    digest: str
    sample: tuple[str, ...]


def contents(settings: Settings) -> dict[str, Table]:
    """Return every table and view of raw, vault and marts, by `layer.name`; of raw only completed batches."""
    client = connect(settings)
    clocks = _clocks(client, settings)
    found = {}
    for layer in LAYERS:
        for name in _tables(client, settings.dataset(layer)):
            if f"{layer}.{name}" not in BATCH_TABLES:
                found[f"{layer}.{name}"] = _table(client, settings, layer, name, clocks)
    return found


def differences(expected: Mapping[str, Table], found: Mapping[str, Table]) -> list[str]:
    """Return a line for every table that differs."""
    lines = []
    for name in sorted({*expected, *found}):
        one, other = expected.get(name), found.get(name)
        if one is None or other is None:
            lines.append(f"{name}: only in the {'disturbed' if one is None else 'undisturbed'} run")
        elif one.digest != other.digest:
            extra = [row for row in other.sample if row not in set(one.sample)][:2]
            lines.append(f"{name}: {one.rows} rows undisturbed, {other.rows} disturbed {extra}")
    return lines


def _clocks(client: Client, settings: Settings) -> dict[Any, datetime]:
    """Return batch number and load time -> applied time of the completed batch."""
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
