"""The models of the staging and raw vault layers as plain values, before they become SQL and YAML.

`ranged_by`, wherever a model has it, is the whole number that its rows are known by in the source, and by
whose ranges its table is partitioned; None where the key is no such number.
"""

from dataclasses import dataclass

from metadata import naming
from metadata.mappings import Hub
from metadata.spec import Column, Table


@dataclass(frozen=True)
class Hash:
    """A hash in a stage, made of the lossless text of its columns in this order.

    The hash of a hub's `key` is NULL when one of its columns is; every other hash is never NULL.
    A hash without columns shares the text of another hash, `text_of`.
    """

    name: str
    description: str
    columns: tuple[Column, ...] = ()
    key: bool = False
    text_of: str | None = None

    @property
    def text(self) -> str:
        """The derived column that is hashed."""
        return naming.encoded(self.text_of or self.name)


@dataclass(frozen=True)
class Field:
    """A column of a model as its documentation shows it."""

    name: str
    description: str
    personal: bool = False


@dataclass(frozen=True)
class Stage:
    """The pending rows of one source table with their hashes.

    A status stage has the keys of all pending rows, deleted ones too, and nothing else.
    """

    name: str
    table: Table
    hashes: tuple[Hash, ...]
    columns: tuple[Column, ...]
    is_status: bool
    sources: tuple[str, ...]


@dataclass(frozen=True)
class HubModel:
    """`hub_*`: every key ever seen, with the load that first brought it."""

    hub: Hub
    key: tuple[Column, ...]
    stages: tuple[str, ...]
    sources: tuple[str, ...]
    ranged_by: Field | None = None

    @property
    def name(self) -> str:
        """`hub_customer`."""
        return naming.hub(self.hub.name)

    @property
    def hash_key(self) -> str:
        """`customer_hk`."""
        return naming.hash_key(self.hub.name)


@dataclass(frozen=True)
class Role:
    """One hub that a link points to."""

    hash_key: str
    hub: str
    hub_key: str
    column: Column


@dataclass(frozen=True)
class LinkModel:
    """`link_*`: every combination of keys ever seen together in a row of one table."""

    name: str
    description: str
    hash_key: str
    driving_key: str
    driving_hub: str
    roles: tuple[Role, ...]
    stage: str
    sources: tuple[str, ...]
    ranged_by: Field | None = None


@dataclass(frozen=True)
class EventLinkModel:
    """`nh_link_*`: one row per event, as it first came; `occurred` says when it happened."""

    name: str
    description: str
    hash_key: str
    roles: tuple[Role, ...]
    occurred: Field
    payload: tuple[Field, ...]
    stage: str
    sources: tuple[str, ...]
    ranged_by: Field | None = None


@dataclass(frozen=True)
class SatelliteModel:
    """`sat_*`, `eff_sat_*` or `ref_*`: one row per key and change.

    `parent` is the hub or link it hangs on, or the code list whose status it is; None for a code list.
    `tells_parent`: its keys come from rows of a stage that no other satellite has tested yet.
    """

    name: str
    description: str
    hash_key: str
    hash_key_description: str
    payload: tuple[Field, ...]
    stage: str
    sources: tuple[str, ...]
    cluster_by: tuple[str, ...] = (naming.LOAD_DTS,)
    parent: str | None = None
    tells_parent: bool = True
    is_reference: bool = False
    ranged_by: Field | None = None

    @property
    def extra(self) -> tuple[Field, ...]:
        """The number that the table is partitioned by, where it is not among the payload anyway."""
        return (self.ranged_by,) if self.ranged_by and self.ranged_by not in self.payload else ()

    @property
    def stage_hashdiff(self) -> str:
        """`sat_customer__credit_hashdiff`, the hashdiff's name in the stage."""
        return naming.stage_hashdiff(self.name)


@dataclass(frozen=True)
class Plan:
    """All models, each list in order of name, and the source tables they read."""

    tables: tuple[Table, ...]
    stages: tuple[Stage, ...]
    hubs: tuple[HubModel, ...]
    links: tuple[LinkModel, ...]
    events: tuple[EventLinkModel, ...]
    satellites: tuple[SatelliteModel, ...]
