"""What a set-up project consists of, as plain values: nothing here talks to anybody."""

from dataclasses import dataclass
from typing import Literal

from warehouse.tables import TableLayout

Action = Literal["create", "change", "fine", "later"]


@dataclass(frozen=True, order=True)
class Grant:
    """A role, and who holds it: `serviceAccount:loader@...`, `group:...`; on a dataset an address alone."""

    role: str
    member: str


@dataclass(frozen=True)
class Api:
    """A service that must be switched on: `bigquery.googleapis.com`."""

    project: str
    name: str


@dataclass(frozen=True)
class ServiceAccount:
    """An account for a program."""

    project: str
    account_id: str
    display_name: str
    description: str

    @property
    def name(self) -> str:
        """`wwi-loader@my-project.iam.gserviceaccount.com`."""
        return f"{self.account_id}@{self.project}.iam.gserviceaccount.com"

    @property
    def member(self) -> str:
        """The account as policies name it."""
        return f"serviceAccount:{self.name}"


@dataclass(frozen=True)
class CustomRole:
    """A role of the project's own, for a right that no predefined role gives alone."""

    project: str
    role_id: str
    title: str
    description: str
    permissions: frozenset[str]

    @property
    def name(self) -> str:
        """`projects/my-project/roles/wwi_policy_tagger`."""
        return f"projects/{self.project}/roles/{self.role_id}"


@dataclass(frozen=True)
class ProjectAccess:
    """Roles on the project. `ours` are the members whose BigQuery roles are exactly these."""

    name: str
    grants: frozenset[Grant]
    ours: frozenset[str]


@dataclass(frozen=True)
class Dataset:
    """One dataset. `ours` are the addresses whose access is exactly `grants`; others keep what they have.

    Views in the datasets `authorised` may read here on behalf of whoever asks them.
    """

    name: str
    location: str
    description: str
    labels: tuple[tuple[str, str], ...]
    grants: frozenset[Grant]
    ours: frozenset[str]
    authorised: tuple[str, ...] = ()
    table_expiration_ms: int | None = None


@dataclass(frozen=True)
class PolicyTag:
    """A policy tag in a taxonomy of its own, and who may read columns that carry it."""

    project: str
    location: str
    taxonomy: str
    name: str
    description: str
    grants: frozenset[Grant]
    ours: frozenset[str]

    @property
    def parent(self) -> str:
        """Where the taxonomy lies: `projects/my-project/locations/us`."""
        return f"projects/{self.project}/locations/{self.location}"


@dataclass(frozen=True)
class Mask:
    """What those who may not read a tagged column see in its place, and who sees it at all."""

    parent: str
    policy_id: str
    policy_tag: str
    expression: str
    grants: frozenset[Grant]
    ours: frozenset[str]

    @property
    def name(self) -> str:
        """`projects/my-project/locations/us/dataPolicies/wwi_personal`."""
        return f"{self.parent}/dataPolicies/{self.policy_id}"


@dataclass(frozen=True)
class Table:
    """A table that ingestion writes."""

    layout: TableLayout

    @property
    def name(self) -> str:
        """`my-project.wwi_raw.sales__customers`."""
        return self.layout.table_id


@dataclass(frozen=True)
class RowPolicy:
    """Who sees the rows of a table; to everybody else it looks empty."""

    table_id: str
    policy_id: str
    members: frozenset[str]

    @property
    def name(self) -> str:
        """`my-project.wwi_raw_vault.sat_person__personal`."""
        return self.table_id


Resource = Api | ServiceAccount | CustomRole | ProjectAccess | Dataset | PolicyTag | Mask | Table | RowPolicy


@dataclass(frozen=True)
class Step:
    """What is to be done about one resource; `detail` says what lacks or differs."""

    action: Action
    kind: str
    name: str
    detail: str = ""


def step(kind: str, name: str, *, exists: bool, differences: list[str]) -> Step:
    """Return the step that makes a resource what it should be."""
    if not exists:
        return Step("create", kind, name)
    return Step("change" if differences else "fine", kind, name, "; ".join(differences))
