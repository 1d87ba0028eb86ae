"""What the values of a table depend on besides its rows, as the source's catalog describes it.

structure_reader.py reads it, relation_kinds.py checks it, and changes/identity.py keeps it in the ledger.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ColumnFacts:
    """A column of one relation.

    `expression`: of a generated column. `fill`: hash of the value that rows show which are older than it.
    """

    number: int
    type: int
    collation: int
    expression: str | None
    fill: str | None


@dataclass(frozen=True)
class Relation:
    """A table, partition or inheriting table.

    `kind`, `persistence`: pg_class.relkind and relpersistence. `created_by`: the 64-bit id of the transaction
    that created it, or of a later one whose id ends in the same 32 bits.
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
    """A type. `made_of`: oids of its elements, base, bounds or attributes.

    `labels`: oid -> text of an enum. `attributes`: number -> name and type of a composite. `casts`: those to
    text or json that run a function. `runs_code`: one of these functions is not written in C.
    `shows_names`: its text is the name of another object, such as a table's.
    """

    name: str
    made_of: tuple[int, ...]
    labels: Mapping[str, str]
    attributes: Mapping[str, str]
    casts: tuple[int, ...]
    runs_code: bool
    shows_names: bool


@dataclass(frozen=True)
class Structure:
    """A table with its partitions or inheriting tables, and the types of all their columns, by oid."""

    database: str
    table: Relation
    children: tuple[Relation, ...]
    types: Mapping[int, TypeFacts]

    @property
    def inherits(self) -> bool:
        """Tell whether ordinary tables inherit from this one: its unique indexes do not cover their rows."""
        return self.table.kind != "p" and bool(self.children)

    def types_within(self, oid: int) -> Iterator[tuple[int, TypeFacts]]:
        """Yield this type and all types that it is made of, each once."""
        seen: set[int] = set()
        waiting = [oid]
        while waiting:
            next_oid = waiting.pop()
            if next_oid not in seen and next_oid in self.types:
                seen.add(next_oid)
                yield next_oid, self.types[next_oid]
                waiting += self.types[next_oid].made_of
