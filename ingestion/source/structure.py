"""Describe what the values of a table depend on besides its rows, according to the source's catalog.

structure_reader.py reads it, relation_kinds.py checks it, and identity.py stores it in the ledger.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ColumnFacts:
    """A column of one relation.

    `expression`: of a generated column. `fill`: hash of the value for rows that are older than the column.
    """

    number: int
    type: int
    collation: int
    expression: str | None
    fill: str | None


@dataclass(frozen=True)
class Relation:
    """A table, a partition or an inheriting table.

    `kind`, `persistence`: pg_class.relkind and relpersistence. `created_by`: the 64-bit id of the transaction
    that created it, or of a later one with the same low 32 bits.
    """

    oid: int
    name: str
    kind: str
    persistence: str
    is_heap: bool
    columns: Mapping[str, ColumnFacts]
    created_by: int = field(compare=False)


@dataclass(frozen=True)
class TypeFacts:
    """A type. `component_types`: oids of its elements, base type, bounds or attributes.

    `labels`: of an enum, oid -> text. `attributes`: of a composite, number -> name and type. `casts`: those
    to text or json that run a function. `runs_code`: one of these functions is not written in C.
    `shows_object_names`: its text is the name of another object, for example of a table.
    """

    name: str
    component_types: tuple[int, ...]
    labels: Mapping[str, str]
    attributes: Mapping[str, str]
    casts: tuple[int, ...]
    runs_code: bool
    shows_object_names: bool


@dataclass(frozen=True)
class Structure:
    """A table with its partitions or inheriting tables, and the types of all their columns, by oid."""

    database: str
    table: Relation
    children: tuple[Relation, ...]
    types: Mapping[int, TypeFacts]

    @property
    def inherits(self) -> bool:
        """Whether ordinary tables inherit from this one. Its unique indexes do not cover their rows."""
        return self.table.kind != "p" and bool(self.children)

    def types_within(self, oid: int) -> Iterator[tuple[int, TypeFacts]]:
        """Yield this type and all its component types, each once."""
        seen: set[int] = set()
        pending = [oid]
        while pending:
            next_oid = pending.pop()
            if next_oid not in seen and next_oid in self.types:
                seen.add(next_oid)
                yield next_oid, self.types[next_oid]
                pending += self.types[next_oid].component_types
