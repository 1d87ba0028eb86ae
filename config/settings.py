"""Where to read, where to write and how much to use: one frozen object, filled from the environment once."""

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
    """Every setting of the platform. Each is read from `WWI_<NAME>`, else from `.env`, else the default.

    `.env` is read from the project's folder and then from the current one. A blank value counts as unset.
    Raises PermanentError that names every unknown variable, or every wrong value.
    """

    model_config = SettingsConfigDict(
        env_prefix="WWI_",
        env_file=(PROJECT_ROOT / ".env", ".env"),
        env_file_encoding="utf-8-sig",  # a byte order mark would hide the first name
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,  # a value that is wrong may hold a password
    )

    target: Literal["local", "bigquery"] = Field("local", description="Which warehouse to write to.")
    home: Path = Field(PROJECT_ROOT / ".wwi", description="Folder of all local state.")
    source_dsn: str | None = Field(None, repr=False, description="Postgres to read; else the local source.")
    source_admin_dsn: str | None = Field(
        None, repr=False, description="Owner of a Postgres to simulate a business in; else the local source."
    )
    warehouse_url: str | None = Field(  # engine: address
        None, description="An emulator that runs elsewhere, say in a container; default: the local warehouse."
    )
    bigquery_project: str | None = Field(None, description="Google Cloud project, for the bigquery target.")
    bigquery_location: str = Field("US", description="Location of the datasets.")
    bigquery_endpoint: str | None = Field(
        None, description="Address of the BigQuery API, where it is a regional or private one."
    )
    dataset_prefix: str = Field(
        "wwi", pattern=r"^[a-z][a-z0-9_]*$", description="Start of all dataset names."
    )
    staging_expiration_days: int = Field(
        30,
        ge=0,
        description="Days after which BigQuery deletes a staging table that no build made anew; 0: never.",
    )
    maximum_bytes_billed: int = Field(
        100_000_000_000, ge=10_485_760, description="BigQuery refuses a query that would read more bytes."
    )
    impersonate_service_account: str | None = Field(
        None, description="Service account to act as on BigQuery, instead of the credentials' own."
    )
    personal_policy_tag: str | None = Field(
        None,
        pattern=rf"^(projects/[^/]+/locations/[^/]+/taxonomies/\d+/policyTags/\d+|{NO_TAG})$",
        description="Policy tag of personal columns, as `wwi bigquery setup` prints it; `none`: no tag.",
    )
    personal_readers: str = Field(
        "",
        pattern=rf"^({MEMBER}(,{MEMBER})*)?$",
        description="Who sees personal data unmasked, besides the platform: group:privacy@example.com,...",
    )
    dbt_threads: int | None = Field(
        None, ge=1, description="Models that dbt builds at the same time; default: see vault/profiles.yml."
    )
    load_new_columns: bool = Field(
        True, description="Load columns that the metadata do not know, guarded as personal data."
    )
    readers: int = Field(2, ge=1, le=32, description="Parallel connections that read the source.")
    query_timeout_s: int = Field(120, ge=1, description="Limit of one query, in seconds, on either side.")
    copy_timeout_s: int = Field(3600, ge=1, description="Limit of reading one table, in seconds.")
    load_timeout_s: int = Field(1800, ge=1, description="Limit of one load job, in seconds.")
    rejected_limit: int = Field(
        1000,
        ge=0,
        description="Values of one table that a batch may set apart because BigQuery cannot hold them.",
    )
    lease_s: int = Field(300, ge=3, description="Seconds by which the lease of a run outlives its machine.")
    price_per_tib: Decimal = Field(
        Decimal("6.25"), ge=0, description="What BigQuery charges for a TiB read, for `wwi build --dry-run`."
    )
    build_bytes_limit: int | None = Field(
        None, ge=1, description="A build that would read more bytes than this does not begin."
    )
    dbt_packages: Path | None = Field(
        None, description="Folder with `automate_dv/` and `dbt_utils/`, for `wwi deps` without the dbt hub."
    )
    allow_offline_packages: bool = Field(
        False,
        description="Build on BigQuery with the stand-ins of `vault/offline`, without AutomateDV itself.",
    )
    failure_webhook: str | None = Field(
        None,
        pattern=r"^https?://[^\s/]+\S*$",
        repr=False,
        description="Address that is told, as JSON by POST, when a run fails.",
    )
    dashboard_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s/]+\S*$",
        description="Where people find the page that a scheduled load writes; default: its file.",
    )

    def __init__(self, **values: Any) -> None:
        check_variables(self.__class__.model_fields, values.get("_env_file", self.model_config["env_file"]))
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise PermanentError(wrong_values(error)) from None  # pydantic's own text has the values

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
        # other processes (the emulator, dbt) are handed paths below it and have working folders of their own
        return folder and absolute_path(folder)

    @property
    def policy_tag(self) -> str | None:
        """The policy tag that personal columns get; None leaves them without."""
        return None if self.personal_policy_tag == NO_TAG else self.personal_policy_tag

    @property
    def accepts_offline_packages(self) -> bool:
        """Whether the stand-ins of vault/offline may build the vault: only if asked for on BigQuery."""
        return self.target == "local" or self.allow_offline_packages  # engine: packages

    @property
    def project(self) -> str:
        """The project that holds the datasets. Raises PermanentError when the bigquery target names none."""
        if self.target == "local":
            return LOCAL_PROJECT
        if self.bigquery_project is None:
            raise PermanentError("no project: WWI_TARGET is bigquery. Set WWI_BIGQUERY_PROJECT.")
        return self.bigquery_project

    @property
    def warehouse_name(self) -> str:
        """What tells this warehouse from others that are used from the same home; fit for a folder's name."""
        return f"{self.target}.{self.project}.{self.dataset_prefix}"

    @property
    def named_elsewhere(self) -> tuple[str, ...]:
        """The settings that name another source or warehouse than the two that this machine runs itself."""
        named = {
            "WWI_TARGET": self.target != "local",
            "WWI_SOURCE_DSN": self.source_dsn is not None,
            "WWI_WAREHOUSE_URL": self.warehouse_url is not None,
        }
        return tuple(name for name, is_elsewhere in named.items() if is_elsewhere)

    def dataset(self, layer: Layer) -> str:
        """The dataset of a layer: `wwi_raw`."""
        return f"{self.dataset_prefix}_{layer}"

    def resolve_source_dsn(self) -> str:
        """The DSN to read from: WWI_SOURCE_DSN, else that of the running local source.

        Raises PermanentError when there is neither.
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
        """The address of the emulator, for the local target only.

        Raises PermanentError when it does not run.
        """
        if self.warehouse_url is not None:
            return self.warehouse_url
        address = _read_address(self.home, "warehouse")
        if address is None:
            check_writable(self.home)
            raise PermanentError(
                f"no warehouse: none runs under {self.home}. "
                "Run `wwi warehouse up`, or set WWI_TARGET=bigquery and WWI_BIGQUERY_PROJECT."
            )
        return str(address["url"])


def _read_address(home: Path, service: str) -> dict[str, Any] | None:
    """Return the address that a local service left, or None. A dead service shows when it is connected to."""
    try:
        address: dict[str, Any] = json.loads((home / "services" / f"{service}.json").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return address
