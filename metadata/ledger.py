"""Read the tables of the ledger from metadata/ledger.yml, the one place that declares them."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field

FILE = Path(__file__).parent / "ledger.yml"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LedgerColumn(_Part):
    """A column: its BigQuery type, its description, and whether it can contain personal data."""

    type: str
    description: str = Field(min_length=1)
    personal: bool = False


class LedgerTable(_Part):
    """A table of the ledger. `dbt_source`: dbt models read it."""

    description: str = Field(min_length=1)
    columns: dict[str, LedgerColumn]
    partition_by: str | None = None
    cluster_by: tuple[str, ...] = ()
    dbt_source: bool = False


@cache
def ledger_tables() -> Mapping[str, LedgerTable]:
    """Return name -> table."""
    text = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {name: LedgerTable.model_validate(each) for name, each in text.items()}
