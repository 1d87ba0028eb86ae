"""The resources of a project, as plain values without any API call."""

from dataclasses import dataclass
from typing import Literal

from warehouse.tables import TableLayout

Action = Literal["create", "change", "fine", "later"]


@dataclass(frozen=True, order=True)
class Grant:
    """A role and its member: `serviceAccount:loader@...`, `group:...`; for a dataset only the address."""

    role: str
    member: str


@dataclass(frozen=True)
class Api:
    """An API that must be enabled: `bigquery.googleapis.com`."""

    project: str
    name: str


@dataclass(frozen=True)
class ServiceAccount:
    """A service account."""

    project: str
    account_id: str
    display_name: str
    description: str

    @property
    def name(self) -> str:
        """Return the address: `wwi-loader@my-project.iam.gserviceaccount.com`."""
        return f"{self.account_id}@{self.project}.iam.gserviceaccount.com"

    @property
    def member(self) -> str:
        """Return the account as a member of IAM policies."""
        return f"serviceAccount:{self.name}"


@dataclass(frozen=True)
class CustomRole:
    """A custom role, for permissions that no predefined role has alone."""

    project: str
    role_id: str
    title: str
    description: str
    permissions: frozenset[str]

    @property
    def name(self) -> str:
        """Return the full name: `projects/my-project/roles/wwi_policy_tagger`."""
        return f"projects/{self.project}/roles/{self.role_id}"


@dataclass(frozen=True)
class ProjectAccess:
    """Roles on the project. `ours`: the managed members, which get exactly these BigQuery roles."""

    name: str
    grants: frozenset[Grant]
    ours: frozenset[str]


@dataclass(frozen=True)
class Dataset:
    """One dataset. `ours`: the managed addresses, which get exactly `grants`; other access is kept.

    Views in the datasets `authorised` may read this dataset on behalf of their users.
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
    """A policy tag in its own taxonomy, and who may read columns with the tag."""

    project: str
    location: str
    taxonomy: str
    name: str
    description: str
    grants: frozenset[Grant]
    ours: frozenset[str]

    @property
    def parent(self) -> str:
        """Return the location of the taxonomy: `projects/my-project/locations/us`."""
        return f"projects/{self.project}/locations/{self.location}"


@dataclass(frozen=True)
class Mask:
    """A data mask: what its members see instead of the value of a tagged column."""

    parent: str
    policy_id: str
    policy_tag: str
    expression: str
    grants: frozenset[Grant]
    ours: frozenset[str]

    @property
    def name(self) -> str:
        """Return the full name: `projects/my-project/locations/us/dataPolicies/wwi_personal`."""
        return f"{self.parent}/dataPolicies/{self.policy_id}"


@dataclass(frozen=True)
class Table:
    """A table that ingestion writes."""

    layout: TableLayout

    @property
    def name(self) -> str:
        """Return the full name: `my-project.wwi_raw.sales__customers`."""
        return self.layout.table_id


@dataclass(frozen=True)
class RowPolicy:
    """A row access policy: its members see the rows; for everybody else the table looks empty."""

    table_id: str
    policy_id: str
    members: frozenset[str]

    @property
    def name(self) -> str:
        """Return the full name of the table: `my-project.wwi_raw_vault.sat_person__personal`."""
        return self.table_id


Resource = Api | ServiceAccount | CustomRole | ProjectAccess | Dataset | PolicyTag | Mask | Table | RowPolicy


@dataclass(frozen=True)
class Step:
    """The action for one resource; `detail` lists what is missing or different."""

    action: Action
    kind: str
    name: str
    detail: str = ""


def step(kind: str, name: str, *, exists: bool, differences: list[str]) -> Step:
    """Return the step for a resource."""
    if not exists:
        return Step("create", kind, name)
    return Step("change" if differences else "fine", kind, name, "; ".join(differences))
