"""Compute the identity of a table: everything that its values depend on besides its written rows.

Values can change while rows keep their transaction ids: a prepared copy takes the table's name, a column is
dropped and added again, or an enum label is renamed. So each batch stores the identity of each table in the
ledger, and if it differs, the next batch reads the whole table. Values of the source are stored as hashes;
enum labels are part of the type and stored as they are.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from itertools import islice

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ingestion.source.structure import ColumnFacts, Relation, Structure
from metadata.spec import Table
from warehouse.type_mappings import column_type

# More are stored as one hash, because a BigQuery statement is limited to a million characters.
MAX_CHILDREN = 1000
ALL_CHILDREN = "all"
MAX_REASONS = 5

# changing varchar to text or back rewrites no rows and changes no values
_SAME_TEXT = {1043: 25}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class ColumnIdentity(_Part):
    """A column. `copied_as`: the SQL expression that reads it, if it is not only its name."""

    number: int
    type: int
    type_name: str
    collation: int = 0
    expression: str | None = None
    fill: str | None = None
    copied_as: str | None = None


class TypeIdentity(_Part):
    """A user-defined type. `labels`, `attributes`, `casts`: see ingestion/source/structure.py."""

    name: str
    labels: Mapping[str, str] = {}
    attributes: Mapping[str, str] = {}
    casts: tuple[int, ...] = ()


class Identity(_Part):
    """The identity of one table in one batch.

    `relation`: its oid. `children`: oid -> hash and name of each partition or inheriting table. `unstable`:
    why its values can change at any time; every batch reads such a table in full. `created_by`: the
    transaction that created each child.
    """

    database: str
    relation: int
    columns: Mapping[str, ColumnIdentity]
    types: Mapping[str, TypeIdentity] = {}
    children: Mapping[str, str] = {}
    unstable: tuple[str, ...] = ()
    created_by: Mapping[str, int] = Field(default={}, exclude=True)

    def to_text(self) -> str:
        """Return the identity as text for the ledger."""
        kept = self
        if len(self.children) > MAX_CHILDREN:
            kept = self.model_copy(update={"children": {ALL_CHILDREN: _hash_of_all(self.children)}})
        return kept.model_dump_json(exclude_defaults=True)


def from_text(text: str | None) -> Identity | None:
    """Parse the text that `to_text` returned; None if there is none, or another release wrote it."""
    try:
        return None if text is None else Identity.model_validate_json(text)
    except ValidationError:
        return None


def identity_of(structure: Structure, table: Table) -> Identity:
    """Return the identity of a table for its loaded columns."""
    copied_as = {column.name: column_type(column.type).expression for column in table.loaded_columns}
    facts = {name: structure.table.columns[name] for name in copied_as}
    used = {oid: found for each in facts.values() for oid, found in structure.types_within(each.type)}
    return Identity(
        database=structure.database,
        relation=structure.table.oid,
        columns={
            name: ColumnIdentity(
                number=each.number,
                type=_SAME_TEXT.get(each.type, each.type),
                type_name=structure.types[each.type].name,
                collation=each.collation,
                expression=each.expression,
                fill=each.fill,
                copied_as=None if copied_as[name] == "{}" else copied_as[name],
            )
            for name, each in facts.items()
        },
        types={
            str(oid): TypeIdentity(
                name=found.name, labels=found.labels, attributes=found.attributes, casts=found.casts
            )
            for oid, found in sorted(used.items())
            if found.labels or found.attributes or found.casts
        },
        children=_children(structure, list(copied_as)),
        unstable=tuple(_unstable(structure, facts, copied_as)),
        created_by={str(child.oid): child.created_by for child in structure.children},
    )


def is_altered(before: Structure, now: Structure, table: Table, since: int) -> bool:
    """Return whether values of the table may differ; `since`: see `full_read_reason`."""
    if before.table.oid != now.table.oid:
        return True
    return any(True for _ in _differences(identity_of(before, table), identity_of(now, table), since))


def full_read_reason(before: Identity | None, now: Identity, since: int) -> str | None:
    """Return why the table must be read in full; None if nothing that its values depend on changed.

    `since`: no transaction from this id on had begun when `before` was read.
    """
    if before is None:
        return "the previous batch did not record what the table's values depend on"
    found = list(islice(_differences(before, now, since), MAX_REASONS + 1)) or list(now.unstable)
    if len(found) > MAX_REASONS:
        found = [*found[:MAX_REASONS], "and more"]
    return "; ".join(found) or None


def _differences(before: Identity, now: Identity, since: int) -> Iterator[str]:
    if before.database != now.database:
        yield "another database has the name of the source now"
        return
    if before.relation != now.relation:
        yield "another table has this name now"
        return
    for name, column in now.columns.items():
        if name in before.columns:
            yield from _column_differences(name, before.columns[name], column)
    for oid in sorted(before.types.keys() & now.types.keys()):
        yield from _type_differences(before.types[oid], now.types[oid])
    for oid in sorted(before.types.keys() | now.types.keys()):
        found = now.types.get(oid) or before.types[oid]
        if _casts(before, oid) != _casts(now, oid):
            yield f"type {found.name} has other casts to text or json"
    # all rows of a child that was created since then are new anyway
    older = {oid: text for oid, text in now.children.items() if now.created_by.get(oid, 0) < since}
    yield from _child_differences(before.children, older, now.children)


def _column_differences(name: str, before: ColumnIdentity, now: ColumnIdentity) -> Iterator[str]:
    if before.number != now.number:
        yield f"column {name} was dropped and added again, or another column was renamed to {name}"
        return
    if before.type != now.type:
        yield f"column {name} is of type {now.type_name} instead of {before.type_name}"
    if before.collation != now.collation:
        yield f"column {name} has another collation"
    if before.expression != now.expression:
        yield f"column {name} has another generation expression"
    if now.fill is not None and before.fill != now.fill:  # None: the rows were rewritten with the same values
        yield f"column {name} has another value in rows that are older than the column"
    if before.copied_as != now.copied_as:
        yield f"column {name} is read by another expression"


def _type_differences(before: TypeIdentity, now: TypeIdentity) -> Iterator[str]:
    for oid, label in before.labels.items():
        if oid not in now.labels:
            yield f"type {now.name} lost its label '{label}'"
        elif now.labels[oid] != label:
            yield f"type {now.name}: label '{label}' was renamed to '{now.labels[oid]}'"
    if before.attributes != now.attributes:
        yield f"type {now.name} has other attributes"


def _casts(identity: Identity, oid: str) -> tuple[int, ...]:
    return identity.types[oid].casts if oid in identity.types else ()


def _child_differences(
    before: Mapping[str, str], older: Mapping[str, str], now: Mapping[str, str]
) -> Iterator[str]:
    if ALL_CHILDREN in before:
        if before[ALL_CHILDREN] != _hash_of_all(older):
            yield f"one of more than {MAX_CHILDREN} partitions or child tables was added, removed or altered"
        return
    for oid, text in older.items():
        digest, name = text.split(" ", 1)
        if oid in before:
            if before[oid].split(" ", 1)[0] != digest:
                yield f"{name} was altered"
        else:
            yield f"{name} was added"
    for oid, text in before.items():
        if oid not in now:
            yield f"{text.split(' ', 1)[1]} was removed"


def _children(structure: Structure, columns: list[str]) -> dict[str, str]:
    word = "child table" if structure.inherits else "partition"
    return {
        str(child.oid): f"{_child_hash(child, columns)} {word} {child.name}" for child in structure.children
    }


def _hash_of_all(children: Mapping[str, str]) -> str:
    return _hash(sorted((oid, text.split(" ", 1)[0]) for oid, text in children.items()))


def _child_hash(child: Relation, columns: list[str]) -> str:
    """Hash what the loaded columns of a child depend on; not `fill`, which changes when it is rewritten."""
    return _hash([
        child.kind,
        *(
            [name, each.number, _SAME_TEXT.get(each.type, each.type), each.collation, each.expression]
            for name, each in child.columns.items()
            if name in columns
        ),
    ])  # fmt: skip


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


def _unstable(
    structure: Structure, facts: Mapping[str, ColumnFacts], copied_as: Mapping[str, str]
) -> Iterator[str]:
    for name, each in facts.items():
        for _, found in structure.types_within(each.type):
            if found.shows_object_names:
                yield f"column {name} shows names that can change at any time ({found.name})"
            if found.runs_code and copied_as[name] != "{}":
                yield f"column {name} is read through a cast of {found.name} whose function can change"
