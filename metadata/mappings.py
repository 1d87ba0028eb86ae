"""Map the columns of a source table to the vault: hubs, links, satellites, reference tables."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from metadata import naming, postgres_types

Sensitivity = Literal["none", "personal", "secret"]


# Postgres keeps 63 bytes of a name; with the generator's prefixes it stays within BigQuery's 300
SnakeName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=63)]


Names = Annotated[tuple[SnakeName, ...], Field(strict=False)]


Sentence = Annotated[str, Field(pattern=r"^[A-Z0-9][^\n]*\.$")]


Reference = Annotated[str, Field(pattern=r"^[a-z0-9_]+\.[a-z0-9_]+\.[a-z0-9_]+$")]


DayPath = Annotated[str, Field(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)?$")]


PostgresType = Annotated[str, Field(pattern=postgres_types.PATTERN)]


class Spec(BaseModel):
    """Base of all metadata classes: frozen, strict, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Link(Spec):
    """A link from the table's own hub to the hubs that its `columns` refer to."""

    name: SnakeName
    description: Sentence
    columns: Names = Field(min_length=1)


class Satellite(Spec):
    """A satellite: columns that change together. Personal columns need a `personal` satellite."""

    topic: SnakeName
    description: Sentence
    columns: Names = Field(min_length=1)
    personal: bool = False


class HubMapping(Spec):
    """A table that loads a hub, its satellites and, with `link`, one link.

    A second table of the same hub sets `aspect`: its rows have a status satellite of their own.
    """

    hub: SnakeName
    aspect: SnakeName | None = None
    link: Link | None = None
    satellites: Annotated[tuple[Satellite, ...], Field(strict=False)] = ()

    @property
    def hubs(self) -> frozenset[str]:
        """Hubs that are loaded from the table."""
        return frozenset((self.hub,))

    @property
    def concept(self) -> str:
        """Name that the hash key is derived from."""
        return self.hub

    @property
    def parent(self) -> str:
        """Hub or link that holds the keys of the rows."""
        return naming.hub(self.hub)

    @property
    def status(self) -> str:
        """Record tracking satellite: whether a row exists in the source."""
        return naming.satellite(self.hub, naming.status_topic(self.aspect))


class NonHistorizedLinkMapping(Spec):
    """A table of events: a non-historized link with satellites.

    The link keeps the hubs that an event referred to when it was first loaded and `occurred`, the time of the
    event. `columns` are foreign keys to tables with a hub. `hub_keys`, {column: hub}, are business keys of
    hubs that only this table loads. The satellites hold all columns but the key, so a correction adds a row.
    """

    event: SnakeName
    description: Sentence
    occurred: SnakeName
    columns: Names = ()
    hub_keys: dict[SnakeName, SnakeName] = {}
    satellites: Annotated[tuple[Satellite, ...], Field(strict=False)] = ()

    @property
    def hubs(self) -> frozenset[str]:
        """Hubs that are loaded from the table."""
        return frozenset(self.hub_keys.values())

    @property
    def concept(self) -> str:
        """Name that the hash key is derived from."""
        return self.event

    @property
    def parent(self) -> str:
        """Hub or link that holds the keys of the rows."""
        return naming.event_link(self.event)

    @property
    def status(self) -> str:
        """Record tracking satellite: whether a row exists in the source."""
        return naming.satellite(self.event, naming.STATUS)


class ReferenceMapping(Spec):
    """A code list: one reference table `ref_<reference>` with the history of every code, no hub."""

    reference: SnakeName

    @property
    def hubs(self) -> frozenset[str]:
        """Empty: a code list loads no hub."""
        return frozenset()


def _mapping_kind(raw: object) -> str:
    kinds = {"reference": "ReferenceMapping", "event": "NonHistorizedLinkMapping"}
    keys = raw if isinstance(raw, dict) else {}
    return next((kind for key, kind in kinds.items() if key in keys), "HubMapping")


VaultMapping = Annotated[
    Annotated[HubMapping, Tag("HubMapping")]
    | Annotated[NonHistorizedLinkMapping, Tag("NonHistorizedLinkMapping")]
    | Annotated[ReferenceMapping, Tag("ReferenceMapping")],
    Discriminator(_mapping_kind),
]


class Hub(Spec):
    """A business concept and the source columns of its business key."""

    name: SnakeName
    description: Sentence
    business_key: Names = Field(min_length=1)
