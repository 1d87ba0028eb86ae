"""Source tables and their columns, as described in the metadata.

The classes are frozen and strict: unknown keys, wrong types and badly styled names are errors. Rules that
involve several entries are in `metadata/check.py`.
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

# `order_id.order_date` in a control: a foreign key, and a column of the row that it refers to
_PATH = re.compile(r"\b([a-z]\w*)\.([a-z]\w*)\b")


LOOKED_UP = "__"


# a quoted name in a control; BigQuery would read it as a string
_QUOTED = re.compile(r'"([a-z]\w*)"')


def quote_for_warehouse(expression: str) -> str:
    """Convert quoted names of a control expression to BigQuery's backticks."""
    return _QUOTED.sub(lambda found: naming.quoted(found[1]), expression)


class Column(Spec):
    """One column of a source table.

    `type`: Postgres type, see docs/types.md. `nullable`: by business meaning, since the Postgres port
    declares no NOT NULL. `measure`: a number with a meaningful sum. `references`: schema.table.column.
    `default`: SQL of the column's default in the source.
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
        """Kind of warehouse value, as used by the vault's `encode` macros."""
        return postgres_types.kind_of(self.type)

    @property
    def is_personal(self) -> bool:
        """Whether the column is personal data, so it needs a personal satellite."""
        return self.sensitivity == "personal"


class Table(Spec):
    """One source table: its columns, its keys and its mapping to the vault.

    Control totals are the sums of its measures and of `computed_controls`, {name: SQL}. `control_day` is the
    business date for daily totals. Both use columns of the table or, as `order_id.order_date`, of the row
    that a foreign key refers to. Put names that are reserved words of SQL in double quotes. After a change of
    either, load the table once with `wwi ingest --full`.
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
        """`sales.customers`, quoted for Postgres where needed."""
        return f"{naming.quoted_in_source(self.schema_name)}.{naming.quoted_in_source(self.name)}"

    @property
    def raw_name(self) -> str:
        """`sales__customers`, the name in the raw dataset."""
        return naming.raw_table(self.schema_name, self.name)

    @property
    def stage_name(self) -> str:
        """`stg_wwi__customers`."""
        return naming.stage(self.name)

    @cached_property
    def _by_name(self) -> Mapping[str, Column]:
        return {column.name: column for column in self.columns}

    def column(self, name: str) -> Column:
        """Return a column by name. Raises KeyError if unknown."""
        return self._by_name[name]

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of all columns, in source order."""
        return tuple(self._by_name)

    @property
    def loaded_columns(self) -> tuple[Column, ...]:
        """Columns that are loaded, in source order: all but the secret ones."""
        return tuple(column for column in self.columns if column.sensitivity != "secret")

    @property
    def foreign_keys(self) -> dict[str, str]:
        """Column -> schema.table.column it refers to, including foreign keys not declared in the source."""
        return {column.name: column.references for column in self.columns if column.references}

    @property
    def defaults(self) -> dict[str, str]:
        """Column -> SQL of its default in the source."""
        return {column.name: column.default for column in self.columns if column.default}

    @property
    def controls(self) -> dict[str, str]:
        """Control total -> Postgres SQL; its sum over the table must be the same in every layer.

        Measures come first, then computed controls. Columns of other tables have the name from `Lookup`.
        """
        measures = {each.name: naming.quoted_in_source(each.name) for each in self.columns if each.measure}
        computed = {
            name: _PATH.sub(rf"\1{LOOKED_UP}\2", text) for name, text in self.computed_controls.items()
        }
        return measures | computed

    @property
    def warehouse_controls(self) -> dict[str, str]:
        """The controls as BigQuery SQL, which quotes column names with backticks."""
        return {name: quote_for_warehouse(text) for name, text in self.controls.items()}

    @property
    def day(self) -> str | None:
        """Column with the control day; of another table, its name from `Lookup`."""
        return self.control_day.replace(".", LOOKED_UP) if self.control_day else None

    @property
    def control_paths(self) -> tuple[tuple[str, str], ...]:
        """Columns to look up for controls and day: (foreign key, column of the referenced row)."""
        return tuple(dict.fromkeys(_PATH.findall(" ".join(self._control_texts))))

    @property
    def looked_up_controls(self) -> tuple[str, ...]:
        """Controls that need rows of other tables."""
        return tuple(name for name, text in self.computed_controls.items() if _PATH.search(text))

    @property
    def control_columns(self) -> frozenset[str]:
        """Columns of the table that controls and day need, including foreign keys for lookups."""
        measures = {column.name for column in self.columns if column.measure}
        words = set(re.findall(r"\w+", _PATH.sub(r"\1", " ".join(self._control_texts))))
        return frozenset(measures | (words & self._by_name.keys()))

    @property
    def _control_texts(self) -> tuple[str, ...]:
        return (*self.computed_controls.values(), self.control_day or "")


@dataclass(frozen=True)
class Lookup:
    """Columns of `table` that control totals need, found through the foreign key `through`."""

    through: str
    table: Table
    columns: tuple[str, ...]

    def name(self, column: str) -> str:
        """Return the name of a looked-up column: `order_id__order_date`."""
        return f"{self.through}{LOOKED_UP}{column}"


class Catalog(Spec):
    """All source tables and hubs, always sorted by name."""

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
        """Return the table `schema.table`. Raises KeyError if unknown."""
        return self._tables[qualified]

    def hub(self, name: str) -> Hub:
        """Return a hub by name. Raises KeyError if unknown."""
        return self._hubs[name]

    def referenced_table(self, table: Table, column: str) -> Table:
        """Return the table that a column refers to. Raises KeyError if it refers to none."""
        return self._tables[table.foreign_keys[column].rpartition(".")[0]]

    def lookups(self, table: Table) -> tuple[Lookup, ...]:
        """Return the lookups for the table's control totals, one per foreign key."""
        columns: dict[str, list[str]] = {}
        for through, column in table.control_paths:
            columns.setdefault(through, []).append(column)
        return tuple(
            Lookup(through, self.referenced_table(table, through), tuple(names))
            for through, names in columns.items()
        )
