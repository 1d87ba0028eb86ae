"""List all versions of one business key: satellites and relationships of its hub on one time line.

The metadata say which tables belong to a hub, so this works for any hub. A satellite row records a change at
its load; a version is the state of all satellites after a load. The warehouse masks personal values to their
first letter and compares them itself, so unmasked values never reach this process.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from google.cloud import bigquery

from audit.history.as_of_time import AsOf, Load, loads, parse_as_of
from audit.history.version_rows import CHANGED, EDITED, Part, parts_of, quoted_model, statement, typed_key
from config.errors import MissingInWarehouseError, PermanentError
from config.settings import Settings
from metadata import naming
from metadata.spec import Catalog
from warehouse.client import connect
from warehouse.queries import query


@dataclass(frozen=True)
class Change:
    """A changed column with its value before and after. `is_masked`: masked by the warehouse."""

    column: str
    before: Any
    after: Any
    is_masked: bool = False


@dataclass(frozen=True)
class Version:
    """The state of a business key from one load on.

    `event`: new, changed, deleted or returned. `applied_dts`: time of the source at the load; `edited_when`:
    edit time according to the source, if it has one. `state`: all columns.
    """

    number: int
    event: str
    load_dts: datetime
    batch_id: int | None
    applied_dts: datetime | None
    edited_when: str | None
    record_sources: tuple[str, ...]
    changes: tuple[Change, ...]
    state: dict[str, Any]
    is_deleted: bool


@dataclass(frozen=True)
class Span:
    """A period in which the key was deleted in the source: from one load to the load that restored it."""

    since: datetime
    until: datetime | None


@dataclass(frozen=True)
class History:
    """All versions of a business key, the oldest first. `at`: time of the as-of query, if given."""

    entity: str
    key: str
    versions: tuple[Version, ...]
    is_masked: bool
    at: AsOf | None = None

    @property
    def deleted(self) -> tuple[Span, ...]:
        """The periods in which the key was deleted in the source."""
        spans, since = [], None
        for version in self.versions:
            if version.is_deleted and since is None:
                since = version.load_dts
            elif not version.is_deleted and since is not None:
                spans.append(Span(since, version.load_dts))
                since = None
        return (*spans, *([Span(since, None)] if since else ()))

    @property
    def masked_columns(self) -> tuple[str, ...]:
        """The columns with masked values."""
        return tuple(sorted({each.column for v in self.versions for each in v.changes if each.is_masked}))


def history(  # noqa: PLR0913 - a key and options of the query
    settings: Settings,
    catalog: Catalog,
    entity: str,
    key: str,
    *,
    as_of: str | None = None,
    personal: bool = False,
) -> History:
    """Return the versions of a business key, as of `as_of` if given. `personal`: unmasked.

    Raises PermanentError, with the known ones, for an unknown entity or key, and the warehouse's error if
    the login may not read personal columns.
    """
    parts = parts_of(catalog, entity)
    value = typed_key(catalog, entity, key)
    client = connect(settings, "history")
    known = loads(client, settings)
    at = parse_as_of(as_of, known) if as_of is not None else None
    sql = statement(catalog, entity, parts, settings, personal=personal)
    try:
        rows = query(client, sql, {"key": value}, timeout_s=settings.query_timeout_s)
    except MissingInWarehouseError as error:
        raise PermanentError(f"the vault is not built yet ({error}). Run `wwi build`.") from error
    if not rows:
        raise PermanentError(_no_such_key(client, settings, catalog, entity, key))
    found = versions(rows, parts, known)
    if at is not None:
        first = found[0]
        found = tuple(version for version in found if version.load_dts <= at.at)
        if not found:
            raise PermanentError(
                f"{entity} {key} was not loaded yet at {at.at:%Y-%m-%d %H:%M:%S} UTC: it was first loaded by "
                f"batch {first.batch_id} at {first.load_dts:%Y-%m-%d %H:%M:%S} UTC."
            )
    return History(entity, key, found, not personal, at)


def versions(
    rows: Sequence[dict[str, Any]], parts: Sequence[Part], known: Sequence[Load]
) -> tuple[Version, ...]:
    """Merge the rows of all parts into versions, in load order."""
    by_model = {part.model: part for part in parts}
    order = _column_order(parts)
    batches = {load.load_dts: load for load in known}
    state: dict[str, Any] = {}
    is_deleted = False
    found: list[Version] = []
    for load_dts in sorted({row["load_dts"] for row in rows}):
        loaded = [row for row in rows if row["load_dts"] == load_dts]
        changes: list[Change] = []
        was_deleted = is_deleted
        for row in loaded:
            part = by_model[row["model"]]
            payload = json.loads(row["payload"], parse_float=_number)
            if part.is_status and not part.prefix:
                is_deleted = bool(payload[naming.IS_DELETED])
                continue
            for name in part.columns:
                column, flag = f"{part.prefix}{name}", payload.get(f"{CHANGED}{name}")
                before, after = state.get(column), payload.get(name)
                is_new = column not in state and after is not None
                if flag if flag is not None else (before != after or is_new):
                    changes.append(Change(column, before, after, flag is not None))
                state[column] = after
        batch = batches.get(load_dts)
        changes = [each for each in changes if found or each.after is not None]
        found.append(
            Version(
                number=len(found) + 1,
                event=_event(bool(found), was_deleted, is_deleted),
                load_dts=load_dts,
                batch_id=batch.batch_id if batch else None,
                applied_dts=batch.applied_dts if batch else None,
                edited_when=next((c.after for c in changes if c.column.endswith(EDITED)), None),
                record_sources=tuple(sorted({row["record_source"] for row in loaded})),
                changes=tuple(sorted(changes, key=lambda each: order[each.column])),
                state=dict(sorted(state.items(), key=lambda each: order[each[0]])),
                is_deleted=is_deleted,
            )
        )
    return tuple(found)


def _column_order(parts: Sequence[Part]) -> dict[str, int]:
    """Return the position of each column: in the order of the source tables, system columns last."""
    places: dict[str, int] = {}
    for part in parts:
        for name in (*part.table.column_names, naming.IS_DELETED):
            places.setdefault(f"{part.prefix}{name}", len(places))
    return places


def _number(text: str) -> Decimal:
    """Return the number without trailing zeros: BigQuery and the emulator write different ones."""
    return Decimal(text).normalize()


def _event(is_known: bool, was_deleted: bool, is_deleted: bool) -> str:
    if is_deleted and not was_deleted:
        return "deleted"
    if was_deleted and not is_deleted:
        return "returned"
    return "changed" if is_known else "new"


def _no_such_key(client: bigquery.Client, settings: Settings, catalog: Catalog, entity: str, key: str) -> str:
    column = naming.quoted(*catalog.hub(entity).business_key)
    hub = naming.hub(entity)
    (row,) = query(
        client,
        f"select count(*) as n, min({column}) as first_key, max({column}) as last_key "
        f"from {quoted_model(settings, hub)}",
        timeout_s=settings.query_timeout_s,
    )
    if not row["n"]:
        return f"there is no {entity} {key}: {hub} is empty. Run `wwi run`."
    return f"there is no {entity} {key}: {hub} has {row['n']} keys, {row['first_key']} to {row['last_key']}."
