"""Every version of one thing: all satellites and relationships of its hub, put together into one time line.

The metadata say which tables tell about a hub, so any hub can be asked. A row of a satellite says that
something changed with its load; a version is what all satellites said together after a load. Personal
values are cut to their first letter by the warehouse, so they never reach this process; whether they changed
is compared there, too.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from google.cloud import bigquery

from audit.history.as_of_time import Load, Moment, loads, moment
from audit.history.version_rows import CHANGED, EDITED, Part, parts_of, quoted_model, statement, typed_key
from config.errors import MissingInWarehouseError, PermanentError
from config.settings import Settings
from metadata import naming
from metadata.spec import Catalog
from warehouse.client import connect
from warehouse.queries import query


@dataclass(frozen=True)
class Change:
    """A column that a version changed, with its value before and after. `is_masked`: cut by the warehouse."""

    column: str
    before: Any
    after: Any
    is_masked: bool = False


@dataclass(frozen=True)
class Version:
    """What was known of a thing from one load on.

    `event`: new, changed, deleted or returned. `applied_dts`: what the source's clock said at the load;
    `edited_when`: when the source says that the row was edited, where it says so. `state`: all columns.
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
    """A time in which the source did not have the thing: from a load to the one that brought it back."""

    since: datetime
    until: datetime | None


@dataclass(frozen=True)
class History:
    """All versions of a thing, the oldest first. `at`: the moment up to which was asked, if there was one."""

    entity: str
    key: str
    versions: tuple[Version, ...]
    is_masked: bool
    at: Moment | None = None

    @property
    def deleted(self) -> tuple[Span, ...]:
        """The times in which the source did not have it."""
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
        """The columns whose values were cut."""
        return tuple(sorted({each.column for v in self.versions for each in v.changes if each.is_masked}))


def history(  # noqa: PLR0913 - whose, which part of it, and how
    settings: Settings,
    catalog: Catalog,
    entity: str,
    key: str,
    *,
    as_of: str | None = None,
    personal: bool = False,
) -> History:
    """Return the versions of the thing, up to the moment `as_of` if there is one. `personal`: unmasked.

    Raises PermanentError for an entity or a key that is not there, naming those that are, and what the
    warehouse says when the login may not read personal columns.
    """
    parts = parts_of(catalog, entity)
    value = typed_key(catalog, entity, key)
    client = connect(settings, "history")
    known = loads(client, settings)
    at = moment(as_of, known) if as_of is not None else None
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
                f"{entity} {key} was not known at {at.at:%Y-%m-%d %H:%M:%S} UTC: it first came with batch "
                f"{first.batch_id} at {first.load_dts:%Y-%m-%d %H:%M:%S}."
            )
    return History(entity, key, found, not personal, at)


def versions(
    rows: Sequence[dict[str, Any]], parts: Sequence[Part], known: Sequence[Load]
) -> tuple[Version, ...]:
    """Put the rows of all parts, in the order of their loads, together into versions."""
    by_model = {part.model: part for part in parts}
    order = _column_order(parts)
    batches = {load.load_dts: load for load in known}
    state: dict[str, Any] = {}
    is_deleted = False
    found: list[Version] = []
    for load_dts in sorted({row["load_dts"] for row in rows}):
        told = [row for row in rows if row["load_dts"] == load_dts]
        changes: list[Change] = []
        was_deleted = is_deleted
        for row in told:
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
                record_sources=tuple(sorted({row["record_source"] for row in told})),
                changes=tuple(sorted(changes, key=lambda each: order[each.column])),
                state=dict(sorted(state.items(), key=lambda each: order[each[0]])),
                is_deleted=is_deleted,
            )
        )
    return tuple(found)


def _column_order(parts: Sequence[Part]) -> dict[str, int]:
    """The place of each column: as the source has them, table after table, what no table has at its end."""
    places: dict[str, int] = {}
    for part in parts:
        for name in (*part.table.column_names, naming.IS_DELETED):
            places.setdefault(f"{part.prefix}{name}", len(places))
    return places


def _number(text: str) -> Decimal:
    """The number without the zeros at its end, of which engines write more or fewer."""
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
    return f"there is no {entity} {key}: {hub} holds {row['n']}, {row['first_key']} to {row['last_key']}."
