"""What a source table is and where each of its columns goes in the vault.

Frozen and strict: an unknown key, a wrong type or a name in another style is a mistake, never ignored.
Whether the parts fit together is checked in `metadata/check.py`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator

from metadata import naming

Kind = Literal["text", "integer", "numeric", "float", "boolean", "date", "datetime", "timestamp", "bytes"]
Sensitivity = Literal["none", "personal", "secret"]

SnakeName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")]
Names = Annotated[tuple[SnakeName, ...], Field(strict=False)]
Sentence = Annotated[str, Field(pattern=r"^[A-Z0-9][^\n]*\.$")]
Reference = Annotated[str, Field(pattern=r"^[a-z0-9_]+\.[a-z0-9_]+\.[a-z0-9_]+$")]
DayPath = Annotated[str, Field(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)?$")]

_KINDS: dict[str, Kind] = {
    r"smallint|integer|bigint": "integer",
    r"numeric(\(\d+,\d+\))?": "numeric",
    r"real|double precision": "float",
    r"(varchar|char)(\(\d+\))?|text|jsonb?|uuid": "text",
    r"boolean": "boolean",
    r"date": "date",
    r"timestamp": "datetime",
    r"timestamptz": "timestamp",
    r"bytea": "bytes",
}
PostgresType = Annotated[str, Field(pattern="^(" + "|".join(_KINDS) + ")$")]


class Spec(BaseModel):
    """Base of all metadata: values cannot change and keys must be known."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Column(Spec):
    """One column of a source table.

    `type` is the Postgres type. `nullable` is what the business means: the Postgres port declares no
    NOT NULL at all. A `measure` is a number whose sum over the table means something. `references` is
    schema.table.column, `default` the SQL of the column's default in the source.
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
        return next(kind for pattern, kind in _KINDS.items() if re.fullmatch(pattern, self.type))

    @property
    def is_personal(self) -> bool:
        """Tells something of a person, so it belongs in a personal satellite."""
        return self.sensitivity == "personal"


class Link(Spec):
    """The relationships of one table's rows: from its own key to the hubs its `columns` refer to."""

    name: SnakeName
    description: Sentence
    columns: Names = Field(min_length=1)


class Satellite(Spec):
    """Columns of one topic that change together. Only a `personal` satellite may hold personal columns."""

    topic: SnakeName
    description: Sentence
    columns: Names = Field(min_length=1)
    personal: bool = False


class HubMapping(Spec):
    """A table whose rows are instances of a hub's concept.

    A second table about the same concept names its `aspect`: its rows come and go by themselves.
    """

    hub: SnakeName
    aspect: SnakeName | None = None
    link: Link | None = None
    satellites: Annotated[tuple[Satellite, ...], Field(strict=False)] = ()

    @property
    def hubs(self) -> frozenset[str]:
        """The hubs whose keys the rows bring."""
        return frozenset((self.hub,))

    @property
    def concept(self) -> str:
        """What the hash key of a row is called after."""
        return self.hub

    @property
    def parent(self) -> str:
        """The model that holds the keys of the rows."""
        return naming.hub(self.hub)

    @property
    def status(self) -> str:
        """The satellite that tells whether a row exists."""
        return naming.satellite(self.hub, naming.status_topic(self.aspect))


class EventMapping(Spec):
    """A table whose rows tell what happened once and never change: a non-historised link.

    `occurred` is the column that tells when. `columns` refer to hubs by their source tables; `brings` are
    keys that only this table has, {column: hub}. What is in no satellite either is payload of the link.
    """

    event: SnakeName
    description: Sentence
    occurred: SnakeName
    columns: Names = ()
    brings: dict[SnakeName, SnakeName] = {}
    satellites: Annotated[tuple[Satellite, ...], Field(strict=False)] = ()

    @property
    def hubs(self) -> frozenset[str]:
        """The hubs whose keys the rows bring."""
        return frozenset(self.brings.values())

    @property
    def concept(self) -> str:
        """What the hash key of a row is called after."""
        return self.event

    @property
    def parent(self) -> str:
        """The model that holds the keys of the rows."""
        return naming.event_link(self.event)

    @property
    def status(self) -> str:
        """The satellite that tells whether a row exists."""
        return naming.satellite(self.event, naming.STATUS)


class ReferenceMapping(Spec):
    """A code list: no hub, one table `ref_<reference>` with the history of every code."""

    reference: SnakeName

    @property
    def hubs(self) -> frozenset[str]:
        """The hubs whose keys the rows bring: none."""
        return frozenset()


def _mapping_kind(raw: object) -> str:
    kinds = {"reference": "ReferenceMapping", "event": "EventMapping"}
    keys = raw if isinstance(raw, dict) else {}
    return next((kind for key, kind in kinds.items() if key in keys), "HubMapping")


VaultMapping = Annotated[
    Annotated[HubMapping, Tag("HubMapping")]
    | Annotated[EventMapping, Tag("EventMapping")]
    | Annotated[ReferenceMapping, Tag("ReferenceMapping")],
    Discriminator(_mapping_kind),
]


class Hub(Spec):
    """One concept of the business and the columns, as the source names them, that identify an instance."""

    name: SnakeName
    description: Sentence
    business_key: Names = Field(min_length=1)


class Table(Spec):
    """One source table: what it holds, how its rows are known, and where they go in the vault.

    `control_day` is the business date by which its control totals are compared: a column of its own, or
    `order_id.order_date` for the column of the row that its foreign key refers to. Load the table once with
    `wwi ingest --full` after changing it.
    """

    schema_name: SnakeName
    name: SnakeName
    description: Sentence
    columns: Annotated[tuple[Column, ...], Field(strict=False, min_length=1)]
    primary_key: Names = Field(min_length=1)
    declares_primary_key: bool = True
    undeclared_foreign_keys: Names = ()
    optional: bool = False
    computed_controls: dict[SnakeName, str] = {}
    control_day: DayPath | None = None
    vault: VaultMapping | None = None

    @property
    def qualified(self) -> str:
        """`sales.customers`."""
        return f"{self.schema_name}.{self.name}"

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
        """Name -> SQL whose sum over the whole table must be the same in every layer.

        The SQL is valid on Postgres and on BigQuery: every measure, then the computed controls.
        """
        measures = {column.name: column.name for column in self.columns if column.measure}
        return measures | self.computed_controls

    @property
    def control_columns(self) -> frozenset[str]:
        """The columns that occur in the controls."""
        words = set(re.findall(r"\w+", " ".join(self.controls.values())))
        return frozenset(words & self._by_name.keys())


@dataclass(frozen=True)
class ControlDay:
    """Where the day of a row stands: its own `column`, or that of the `header` that `through` refers to."""

    column: str
    through: str | None = None
    header: Table | None = None


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

    def control_day(self, table: Table) -> ControlDay | None:
        """Where the day of the table's rows stands; None when its totals are not compared by day."""
        if table.control_day is None:
            return None
        first, _, column = table.control_day.partition(".")
        return ControlDay(column, first, self.referred(table, first)) if column else ControlDay(first)
