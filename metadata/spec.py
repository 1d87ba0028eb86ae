"""What a source table is and where each of its columns goes in the vault.

Frozen and strict: an unknown key, a wrong type or a name in another style is a mistake, never ignored.
Whether the parts fit together is checked in `metadata/check.py`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

from pydantic import Field, field_validator

from metadata import naming, postgres_types
from metadata.mappings import (
    DayPath,
    Hub,
    Names,
    PostgresType,
    Reference,
    Sensitivity,
    Sentence,
    SnakeName,
    Spec,
    VaultMapping,
)
from metadata.postgres_types import Kind

# `order_id.order_date` in a control: the foreign key, and the column of the row that it refers to
_PATH = re.compile(r"\b([a-z]\w*)\.([a-z]\w*)\b")


LOOKED_UP = "__"


# a name in double quotes, as a control has it; to BigQuery that would be a text
_QUOTED = re.compile(r'"([a-z]\w*)"')


def in_warehouse_quotes(expression: str) -> str:
    """Write an expression over columns of the source in the warehouse's SQL: `"order"` as in backticks."""
    return _QUOTED.sub(lambda found: naming.quoted(found[1]), expression)


class Column(Spec):
    """One column of a source table.

    `type` is the Postgres type, see docs/types.md. `nullable` is what the business means: the Postgres port
    declares no NOT NULL at all. A `measure` is a number whose sum over the table means something.
    `references` is schema.table.column, `default` the SQL of the column's default in the source.
    """

    name: SnakeName
    type: PostgresType
    description: Sentence
    nullable: bool = False
    sensitivity: Sensitivity = "none"
    measure: bool = False
    references: Reference | None = None
    default: str | None = None

    @property
    def kind(self) -> Kind:
        """The kind of value in the warehouse, as the vault's `encode` macros name it."""
        return postgres_types.kind_of(self.type)

    @property
    def is_personal(self) -> bool:
        """Tells something of a person, so it belongs in a personal satellite."""
        return self.sensitivity == "personal"


class Table(Spec):
    """One source table: what it holds, how its rows are known, and where they go in the vault.

    Its control totals are the sums of its measures and of `computed_controls`, {name: SQL}; `control_day` is
    the business date by which they are compared. Both name columns of the table's own or, as
    `order_id.order_date`, one of the row that a foreign key refers to. A column whose name is a word of SQL
    stands in double quotes in the SQL of a control. Load the table once with `wwi ingest --full` after
    changing either.
    """

    schema_name: SnakeName
    name: SnakeName
    description: Sentence
    columns: Annotated[tuple[Column, ...], Field(strict=False, min_length=1)]
    primary_key: Names = Field(min_length=1)
    declares_primary_key: bool = True
    undeclared_foreign_keys: Names = ()
    optional: bool = False
    computed_controls: dict[SnakeName, str] = Field(default_factory=dict)
    control_day: DayPath | None = None
    vault: VaultMapping | None = None

    @property
    def qualified(self) -> str:
        """`sales.customers`."""
        return f"{self.schema_name}.{self.name}"

    @property
    def in_source(self) -> str:
        """`sales.customers` as Postgres's SQL writes it, in statements for people."""
        return f"{naming.quoted_in_source(self.schema_name)}.{naming.quoted_in_source(self.name)}"

    @property
    def raw_name(self) -> str:
        """`sales__customers`, the table's name in the raw dataset."""
        return naming.raw_table(self.schema_name, self.name)

    @property
    def stage_name(self) -> str:
        """`stg_wwi__customers`."""
        return naming.stage(self.name)

    @cached_property
    def _by_name(self) -> Mapping[str, Column]:
        return {column.name: column for column in self.columns}

    def column(self, name: str) -> Column:
        """Return the column of that name; KeyError when the table has none."""
        return self._by_name[name]

    @property
    def column_names(self) -> tuple[str, ...]:
        """All columns in the order of the source."""
        return tuple(self._by_name)

    @property
    def loaded_columns(self) -> tuple[Column, ...]:
        """The columns that may leave the source, in its order: all but the secret ones."""
        return tuple(column for column in self.columns if column.sensitivity != "secret")

    @property
    def foreign_keys(self) -> dict[str, str]:
        """Column -> schema.table.column it refers to, also where the source forgot to declare it."""
        return {column.name: column.references for column in self.columns if column.references}

    @property
    def defaults(self) -> dict[str, str]:
        """Column -> SQL of its default in the source."""
        return {column.name: column.default for column in self.columns if column.default}

    @property
    def controls(self) -> dict[str, str]:
        """Name -> SQL for Postgres, whose sum over the whole table must be the same in every layer.

        Every measure, then the computed controls. A column that is looked up in another table has the name
        that `Lookup` gives it.
        """
        measures = {each.name: naming.quoted_in_source(each.name) for each in self.columns if each.measure}
        computed = {
            name: _PATH.sub(rf"\1{LOOKED_UP}\2", text) for name, text in self.computed_controls.items()
        }
        return measures | computed

    @property
    def warehouse_controls(self) -> dict[str, str]:
        """The controls in the warehouse's SQL, which differs in the quotes around names of columns."""
        return {name: in_warehouse_quotes(text) for name, text in self.controls.items()}

    @property
    def day(self) -> str | None:
        """The column with the day of a row, by the name that `Lookup` gives it when it is looked up."""
        return self.control_day.replace(".", LOOKED_UP) if self.control_day else None

    @property
    def control_paths(self) -> tuple[tuple[str, str], ...]:
        """The columns to look up for controls and day: (foreign key, column of the row it refers to)."""
        return tuple(dict.fromkeys(_PATH.findall(" ".join(self._control_texts))))

    @property
    def looked_up_controls(self) -> tuple[str, ...]:
        """The controls that need rows of other tables."""
        return tuple(name for name, text in self.computed_controls.items() if _PATH.search(text))

    @property
    def control_columns(self) -> frozenset[str]:
        """The columns of its own that controls and day need, foreign keys to look up by among them."""
        measures = {column.name for column in self.columns if column.measure}
        words = set(re.findall(r"\w+", _PATH.sub(r"\1", " ".join(self._control_texts))))
        return frozenset(measures | (words & self._by_name.keys()))

    @property
    def _control_texts(self) -> tuple[str, ...]:
        return (*self.computed_controls.values(), self.control_day or "")


@dataclass(frozen=True)
class Lookup:
    """What a table's totals need of the rows that its foreign key `through` refers to, in `table`."""

    through: str
    table: Table
    columns: tuple[str, ...]

    def name(self, column: str) -> str:
        """What the column is called among those of the table itself: `order_id__order_date`."""
        return f"{self.through}{LOOKED_UP}{column}"


class Catalog(Spec):
    """All source tables, ordered by qualified name, and all hubs, ordered by name, however they are given."""

    tables: tuple[Table, ...]
    hubs: tuple[Hub, ...]

    @field_validator("tables")
    @classmethod
    def _order_tables(cls, tables: tuple[Table, ...]) -> tuple[Table, ...]:
        return tuple(sorted(tables, key=lambda table: table.qualified))

    @field_validator("hubs")
    @classmethod
    def _order_hubs(cls, hubs: tuple[Hub, ...]) -> tuple[Hub, ...]:
        return tuple(sorted(hubs, key=lambda hub: hub.name))

    @cached_property
    def _tables(self) -> Mapping[str, Table]:
        return {table.qualified: table for table in self.tables}

    @cached_property
    def _hubs(self) -> Mapping[str, Hub]:
        return {hub.name: hub for hub in self.hubs}

    def table(self, qualified: str) -> Table:
        """Return the table named `schema.table`; KeyError when there is none."""
        return self._tables[qualified]

    def hub(self, name: str) -> Hub:
        """Return the hub of that concept; KeyError when there is none."""
        return self._hubs[name]

    def referred(self, table: Table, column: str) -> Table:
        """Return the table that a column refers to; KeyError when it refers to none."""
        return self._tables[table.foreign_keys[column].rpartition(".")[0]]

    def lookups(self, table: Table) -> tuple[Lookup, ...]:
        """What the table's control totals need of other tables, one entry for each foreign key."""
        columns: dict[str, list[str]] = {}
        for through, column in table.control_paths:
            columns.setdefault(through, []).append(column)
        return tuple(
            Lookup(through, self.referred(table, through), tuple(names)) for through, names in columns.items()
        )
