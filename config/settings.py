"""The settings: one frozen object, read once from the environment and `.env`."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from config.errors import PermanentError
from config.private_files import check_writable
from config.variables import absolute_path, check_variables, wrong_values

PROJECT_ROOT = Path(__file__).resolve().parent.parent
LOCAL_PROJECT = "wwi-local"
NO_TAG = "none"
MEMBER = r"(user|group|serviceAccount|domain):[^\s,:]+"

Layer = Literal["raw", "staging", "raw_vault", "business_vault", "marts", "audit"]


class Settings(BaseSettings):
    """All settings of the platform. Each is read from `WWI_<NAME>`, then from `.env`, then the default.

    `.env` is read from the project folder, then from the current folder. A blank value counts as unset.
    Raises PermanentError that lists all unknown variables or all wrong values.
    """

    model_config = SettingsConfigDict(
        env_prefix="WWI_",
        env_file=(PROJECT_ROOT / ".env", ".env"),
        env_file_encoding="utf-8-sig",  # else a byte order mark hides the first name
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,  # a wrong value may contain a password
    )

    target: Literal["local", "bigquery"] = Field("local", description="The warehouse to write to.")
    home: Path = Field(PROJECT_ROOT / ".wwi", description="Folder for all local state.")
    source_dsn: str | None = Field(
        None, repr=False, description="DSN of the Postgres to read; default: the local source."
    )
    source_admin_dsn: str | None = Field(
        None,
        repr=False,
        description="Owner DSN of the Postgres to simulate a business in; default: the local one.",
    )
    warehouse_url: str | None = Field(  # engine: address
        None, description="URL of an emulator, for example in a container; default: the local warehouse."
    )
    bigquery_project: str | None = Field(None, description="Google Cloud project, for the bigquery target.")
    bigquery_location: str = Field("US", description="Location of the datasets.")
    bigquery_endpoint: str | None = Field(
        None, description="URL of a regional or private BigQuery API endpoint."
    )
    dataset_prefix: str = Field(
        "wwi", pattern=r"^[a-z][a-z0-9_]*$", description="Prefix of all dataset names."
    )
    staging_expiration_days: int = Field(
        30,
        ge=0,
        description="Days after which BigQuery deletes a staging table that was not rebuilt; 0: never.",
    )
    maximum_bytes_billed: int = Field(
        100_000_000_000,
        ge=10_485_760,
        description="BigQuery rejects queries that would read more bytes than this.",
    )
    impersonate_service_account: str | None = Field(
        None, description="Service account to impersonate on BigQuery."
    )
    personal_policy_tag: str | None = Field(
        None,
        pattern=rf"^(projects/[^/]+/locations/[^/]+/taxonomies/\d+/policyTags/\d+|{NO_TAG})$",
        description="Policy tag for personal columns, as printed by `wwi bigquery setup`; `none`: no tag.",
    )
    personal_readers: str = Field(
        "",
        pattern=rf"^({MEMBER}(,{MEMBER})*)?$",
        description="Who else sees personal data unmasked, for example group:privacy@example.com,...",
    )
    dbt_threads: int | None = Field(
        None, ge=1, description="Models that dbt builds in parallel; default: see vault/profiles.yml."
    )
    load_new_columns: bool = Field(
        True, description="Load columns that the metadata do not describe, protected as personal data."
    )
    readers: int = Field(2, ge=1, le=32, description="Parallel connections that read the source.")
    query_timeout_s: int = Field(
        120, ge=1, description="Time limit of one query, in seconds, in source and warehouse."
    )
    copy_timeout_s: int = Field(3600, ge=1, description="Time limit for reading one table, in seconds.")
    load_timeout_s: int = Field(1800, ge=1, description="Time limit of one load job, in seconds.")
    rejected_limit: int = Field(
        1000,
        ge=0,
        description="Rejected values (values BigQuery cannot hold) that a batch allows in one table.",
    )
    lease_s: int = Field(300, ge=3, description="Lease duration, in seconds.")
    price_per_tib: Decimal = Field(
        Decimal("6.25"),
        ge=0,
        description="Price that BigQuery charges per TiB read, for `wwi build --dry-run`.",
    )
    build_bytes_limit: int | None = Field(
        None, ge=1, description="A build that would read more bytes than this does not start."
    )
    dbt_packages: Path | None = Field(
        None,
        description="Folder with `automate_dv/` and `dbt_utils/`, to run `wwi deps` without the dbt hub.",
    )
    allow_offline_packages: bool = Field(
        False,
        description="Allow builds on BigQuery with the stand-ins in `vault/offline` instead of AutomateDV.",
    )
    failure_webhook: str | None = Field(
        None,
        pattern=r"^https?://[^\s/]+\S*$",
        repr=False,
        description="URL that receives a JSON POST when a run fails.",
    )
    dashboard_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s/]+\S*$",
        description="URL of the dashboard page that a scheduled load writes; default: its file.",
    )

    def __init__(self, **values: Any) -> None:
        check_variables(self.__class__.model_fields, values.get("_env_file", self.model_config["env_file"]))
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise PermanentError(wrong_values(error)) from None  # pydantic's own text contains the values

    @model_validator(mode="before")
    @classmethod
    def _blank_is_unset(cls, values: dict[str, object]) -> dict[str, object]:
        stripped = {
            name: value.strip() if isinstance(value, str) else value for name, value in values.items()
        }
        return {name: value for name, value in stripped.items() if value != ""}

    @field_validator("home", "dbt_packages")
    @classmethod
    def _absolute(cls, folder: Path | None) -> Path | None:
        # other processes (the emulator, dbt) get paths in it and have other working folders
        return folder and absolute_path(folder)

    @property
    def policy_tag(self) -> str | None:
        """The policy tag for personal columns, or None."""
        return None if self.personal_policy_tag == NO_TAG else self.personal_policy_tag

    @property
    def accepts_offline_packages(self) -> bool:
        """Whether the stand-ins in vault/offline may build the vault. On BigQuery only with the setting."""
        return self.target == "local" or self.allow_offline_packages  # engine: packages

    @property
    def project(self) -> str:
        """The project of the datasets. Raises PermanentError if the bigquery target has none."""
        if self.target == "local":
            return LOCAL_PROJECT
        if self.bigquery_project is None:
            raise PermanentError(
                "no project: WWI_TARGET is bigquery, but WWI_BIGQUERY_PROJECT is not set. Set it."
            )
        return self.bigquery_project

    @property
    def warehouse_name(self) -> str:
        """A name, usable as folder name, that is unique among the warehouses used from one home."""
        return f"{self.target}.{self.project}.{self.dataset_prefix}"

    @property
    def external_services(self) -> tuple[str, ...]:
        """The settings that select a source or warehouse other than the local ones."""
        settings = {
            "WWI_TARGET": self.target != "local",
            "WWI_SOURCE_DSN": self.source_dsn is not None,
            "WWI_WAREHOUSE_URL": self.warehouse_url is not None,
        }
        return tuple(name for name, is_external in settings.items() if is_external)

    def dataset(self, layer: Layer) -> str:
        """Return the dataset of a layer, for example `wwi_raw`."""
        return f"{self.dataset_prefix}_{layer}"

    def resolve_source_dsn(self) -> str:
        """Return the DSN to read from: WWI_SOURCE_DSN, else that of the running local source.

        Raises PermanentError if there is neither.
        """
        if self.source_dsn is not None:
            return self.source_dsn
        address = _read_address(self.home, "source")
        if address is None:
            check_writable(self.home)
            raise PermanentError(
                f"no source: WWI_SOURCE_DSN is not set and no local source runs under {self.home}. "
                "Run `wwi source up` or set WWI_SOURCE_DSN."
            )
        return str(address["reader_dsn"])

    def resolve_warehouse_url(self) -> str:
        """Return the URL of the emulator, for the local target only.

        Raises PermanentError if it does not run.
        """
        if self.warehouse_url is not None:
            return self.warehouse_url
        address = _read_address(self.home, "warehouse")
        if address is None:
            check_writable(self.home)
            raise PermanentError(
                f"no warehouse: no local warehouse runs under {self.home}. "
                "Run `wwi warehouse up`, or set WWI_TARGET=bigquery and WWI_BIGQUERY_PROJECT."
            )
        return str(address["url"])


def _read_address(home: Path, service: str) -> dict[str, Any] | None:
    """Return the address that a local service wrote, or None. Does not check whether it still runs."""
    try:
        address: dict[str, Any] = json.loads((home / "services" / f"{service}.json").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return address
