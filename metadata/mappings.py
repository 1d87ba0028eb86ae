"""Where the columns of a source table go in the vault: hubs, links, satellites, reference tables."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from metadata import naming, postgres_types

Sensitivity = Literal["none", "personal", "secret"]


# Postgres keeps 63 bytes of a name; what the generator adds to it then fits into BigQuery's 300
SnakeName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=63)]


Names = Annotated[tuple[SnakeName, ...], Field(strict=False)]


Sentence = Annotated[str, Field(pattern=r"^[A-Z0-9][^\n]*\.$")]


Reference = Annotated[str, Field(pattern=r"^[a-z0-9_]+\.[a-z0-9_]+\.[a-z0-9_]+$")]


DayPath = Annotated[str, Field(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)?$")]


PostgresType = Annotated[str, Field(pattern=postgres_types.PATTERN)]


class Spec(BaseModel):
    """Base of all metadata: values cannot change and keys must be known."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


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
    """A table whose rows say what happened once: a non-historized link with satellites.

    The link keeps which hubs an event referred to when it first came, and `occurred`, the time at which it
    happened. `columns` refer to hubs by their source tables; `brings` are keys that only this table has,
    {column: hub}. The satellites hold all columns but the key, so that a correction is one more state.
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
