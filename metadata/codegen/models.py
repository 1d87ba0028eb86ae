"""Models of the staging and raw vault layers as plain values, before they are rendered.

`partition_key`: the integer source key by whose ranges the table is partitioned, else None.
"""

from dataclasses import dataclass

from metadata import naming
from metadata.mappings import Hub
from metadata.spec import Column, Table


@dataclass(frozen=True)
class Hash:
    """A hash in a stage, computed from the encoded text of its columns in this order.

    The hash of a `key` is NULL if one of its columns is NULL; other hashes are never NULL.
    A hash without columns uses the text of another hash, `text_of`.
    """

    name: str
    description: str
    columns: tuple[Column, ...] = ()
    key: bool = False
    text_of: str | None = None

    @property
    def text(self) -> str:
        """Name of the derived column that is hashed."""
        return naming.encoded(self.text_of or self.name)


@dataclass(frozen=True)
class Field:
    """A column of a model for its documentation."""

    name: str
    description: str
    personal: bool = False


@dataclass(frozen=True)
class Stage:
    """Pending rows of one source table with their hashes.

    A status stage has only the keys of all pending rows, including deleted ones.
    """

    name: str
    table: Table
    hashes: tuple[Hash, ...]
    columns: tuple[Column, ...]
    is_status: bool
    sources: tuple[str, ...]


@dataclass(frozen=True)
class HubModel:
    """`hub_*`: every business key, with the load time of its first batch."""

    hub: Hub
    key: tuple[Column, ...]
    stages: tuple[str, ...]
    sources: tuple[str, ...]
    partition_key: Field | None = None

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
    """A hub that a link refers to."""

    hash_key: str
    hub: str
    hub_key: str
    column: Column


@dataclass(frozen=True)
class LinkModel:
    """`link_*`: every combination of keys that occurred in a row of one table."""

    name: str
    description: str
    hash_key: str
    driving_key: str
    driving_hub: str
    roles: tuple[Role, ...]
    stage: str
    sources: tuple[str, ...]
    partition_key: Field | None = None


@dataclass(frozen=True)
class NonHistorizedLinkModel:
    """`nh_link_*`: one row per event, as first loaded; `occurred` is its time."""

    name: str
    description: str
    hash_key: str
    roles: tuple[Role, ...]
    occurred: Field
    payload: tuple[Field, ...]
    stage: str
    sources: tuple[str, ...]
    partition_key: Field | None = None


@dataclass(frozen=True)
class SatelliteModel:
    """`sat_*`, `eff_sat_*` or `ref_*`: one row per key and change.

    `parent`: hub or link of the satellite, or code list of a status table; None for a code list.
    `check_parent`: whether a test looks its keys up in the parent; one satellite per stage is enough.
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
    check_parent: bool = True
    is_reference: bool = False
    partition_key: Field | None = None

    @property
    def extra(self) -> tuple[Field, ...]:
        """The partition column, unless it is in the payload."""
        return (self.partition_key,) if self.partition_key and self.partition_key not in self.payload else ()

    @property
    def stage_hashdiff(self) -> str:
        """`sat_customer__credit_hashdiff`, the name in the stage."""
        return naming.stage_hashdiff(self.name)


@dataclass(frozen=True)
class Plan:
    """All models, sorted by name, and the source tables they read."""

    tables: tuple[Table, ...]
    stages: tuple[Stage, ...]
    hubs: tuple[HubModel, ...]
    links: tuple[LinkModel, ...]
    events: tuple[NonHistorizedLinkModel, ...]
    satellites: tuple[SatelliteModel, ...]
