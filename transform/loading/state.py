"""Read what a load plan needs: the ledger, the existing tables, and the touched key ranges in raw."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.cloud.bigquery import Client

from config.errors import MissingInWarehouseError, PermanentError
from config.settings import Settings
from metadata.naming import raw_table
from transform.loading import key_ranges
from transform.loading.checks import Columns
from transform.loading.key_ranges import KeyRanges
from transform.loading.plan import Batch
from transform.loading.vault_models import RawTable, VaultModel
from warehouse.ledger.tables import table_name
from warehouse.queries import query, timestamp_literal


@dataclass(frozen=True)
class LedgerState:
    """The pending batches in the order of their load times, and what the vault has loaded.

    `newest_loaded`: load time of the newest loaded batch; None if the vault is empty.
    """

    pending: tuple[Batch, ...]
    newest_loaded: datetime | None
    hash_versions: frozenset[int]


def read_ledger(client: Client, settings: Settings, *, full_refresh: bool = False) -> LedgerState:
    """Return the state of the ledger. Raises PermanentError if there is none.

    A batch is pending if it is completed and not in the vault. A late batch makes all later ones pending
    again, since they depend on it; with `full_refresh` all completed batches are pending.
    """
    names = {name: table_name(settings, name) for name in ("batches", "table_loads", "vault_loads")}
    condition = "true" if full_refresh else _NOT_LOADED.format(**names)
    try:
        rows = _ask(client, settings, _LEDGER.format(**names, condition=condition))
    except MissingInWarehouseError as error:
        raise PermanentError(
            f"the pending batches are unknown, since the ledger is missing ({error}). Run `wwi ingest` "
            "first: it creates the ledger and loads the first batch."
        ) from error
    versions = frozenset(int(each) for each in (rows[0]["hash_versions"] or "").split(",") if each)
    return LedgerState(_batches(rows), rows[0]["newest_loaded"], versions)


def _batches(rows: Iterable[Mapping[str, Any]]) -> tuple[Batch, ...]:
    found: dict[tuple[datetime, int], set[str] | None] = {}
    for row in rows:
        if row["batch_id"] is None:
            continue
        batch = row["load_dts"], int(row["batch_id"])
        # a batch without entries in table_loads may have rows of any table
        tables = found.setdefault(batch, None if row["table_name"] is None else set())
        if row["has_rows"] and tables is not None:
            tables.add(raw_table(*row["table_name"].split(".")))
    return tuple(
        Batch(batch_id, load_dts, None if tables is None else frozenset(tables))
        for (load_dts, batch_id), tables in sorted(found.items())
    )


def read_columns(client: Client, settings: Settings, datasets: Iterable[str]) -> Columns:
    """Return {(dataset, table): columns in lower case} of these datasets; nothing for a missing dataset."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for dataset in sorted(datasets):
        schema = f"`{settings.project}`.`{dataset}`.INFORMATION_SCHEMA.COLUMNS"
        try:
            rows = _ask(
                client, settings, f"select table_name, lower(column_name) as column_name from {schema}"
            )
        except MissingInWarehouseError:
            continue
        for row in rows:
            found[dataset, row["table_name"]].add(row["column_name"])
    return found


def with_loaded_rows(
    client: Client, settings: Settings, models: Sequence[VaultModel], sources: Mapping[str, RawTable]
) -> list[VaultModel]:
    """Return the models that have rows in loaded batches. `sources`: the existing raw tables by name."""
    tables = [table for name, table in sources.items() if any(name in model.raw_tables for model in models)]
    loaded = f"select batch_id from {table_name(settings, 'vault_loads')}"
    counts = [
        f"select '{table.name}' as name, count(*) as n from {table.relation} where batch_id in ({loaded})"
        for table in tables
    ]
    found = (
        {row["name"] for row in _ask(client, settings, _UNION.join(counts)) if row["n"]} if counts else set()
    )
    return [model for model in models if not model.raw_tables.isdisjoint(found)]


def read_key_ranges(
    client: Client,
    settings: Settings,
    columns: Mapping[RawTable, Collection[str]],
    load_times: Sequence[datetime],
    width: int,
) -> KeyRanges:
    """Return the touched ranges; see `transform.loading.key_ranges.statement`."""
    sql = key_ranges.statement(columns, load_times, width)
    return key_ranges.by_column(_ask(client, settings, sql) if sql else ())


def tables_with_rows_since(
    client: Client, settings: Settings, relations: Sequence[str], load_dts: datetime
) -> list[str]:
    """Return the tables that have a row at or after this load time."""
    if not relations:
        return []
    sql = _UNION.join(
        f"select {number} as number, count(*) as n from {relation} "
        f"where load_dts >= {timestamp_literal(load_dts)}"
        for number, relation in enumerate(relations)
    )
    return [relations[row["number"]] for row in _ask(client, settings, sql) if row["n"]]


def _ask(client: Client, settings: Settings, sql: str) -> list[dict[str, Any]]:
    return query(client, sql, timeout_s=settings.query_timeout_s)


_UNION = "\nunion all\n"
# one row per batch and table, and one without a batch if none is pending
_LEDGER = """
with
    completed as (
        select batch_id, load_dts
        from {batches}
        where status = 'completed'
    ),

    pending as (
        select batch_id, load_dts
        from completed
        where {condition}
    ),

    vault as (
        select
            max(load_dts) as newest_loaded,
            string_agg(distinct cast(coalesce(hash_version, 1) as string)) as hash_versions
        from {vault_loads}
    )

select
    pending.batch_id,
    pending.load_dts,
    loads.table_name,
    coalesce(loads.rows_loaded, 0) > 0 as has_rows,
    vault.newest_loaded,
    vault.hash_versions
from vault
left join pending
    on true
left join {table_loads} as loads
    on pending.batch_id = loads.batch_id
"""
_NOT_LOADED = """load_dts >= (
            select min(load_dts)
            from completed
            where batch_id not in (select batch_id from {vault_loads})
        )"""
