"""Read metadata/reconciliation.yml: which control totals of source tables each fact must match.

facts:
  fct_order:                      # the mart
    source: sales.order_lines     # source table; the mart has one row for each of its rows
    day: order_date_key           # column of the mart that matches the source's control_day
    measures:
      quantity: quantity          # control total of the source: column of the mart
    carried:
      unit_price: coalesce(unit_price, 0)   # column of the mart that is not summed: SQL over source columns

A mart with rows of several source tables lists them under `sources`:

  fct_transaction:
    day: date_key
    sources:
      sales.customer_transactions:
        source_key: wwi_customer_transaction_id       # mart column with the source's key
        where: customer_transaction_id is not null    # rows of the mart that come from this source
        measures: {tax_amount: tax_amount}
      purchasing.supplier_transactions: ...
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from metadata.errors import Issue, MetadataError, did_you_mean
from metadata.load import METADATA_DIR
from metadata.mappings import SnakeName, Spec
from metadata.naming import quoted_in_source
from metadata.reading import explain, read_yaml
from metadata.spec import Catalog, Table, quote_for_warehouse

FILE = "reconciliation.yml"


class Fact(Spec):
    """A mart with one row per row of its source table, and the columns with equal sums.

    `where`: SQL condition for the mart's rows of this source, if it has several. `day`: the mart column that
    matches the source's control_day. `carried`: {mart column: SQL over source columns}, for numbers that are
    not summed. `source_key`: the mart column with the key of the source row, by default the mart's own key.
    """

    name: SnakeName
    source: str
    measures: dict[SnakeName, SnakeName]
    day: SnakeName | None = None
    where: str | None = None
    carried: dict[SnakeName, str] = Field(default_factory=dict)
    source_key: SnakeName | None = None

    @property
    def key(self) -> str:
        """Primary key of the mart, for example `sale_key`."""
        return f"{self.name.removeprefix('fct_')}_key"

    def formulas(self, table: Table) -> dict[str, str]:
        """Return {mart column: BigQuery SQL over the source columns}."""
        written = {each.name: quoted_in_source(each.name) for each in table.columns if each.measure}
        written |= table.computed_controls
        found = {column: written[name] for name, column in self.measures.items()} | self.carried
        return {column: quote_for_warehouse(text) for column, text in found.items()}

    @property
    def label(self) -> str:
        """Unique label, for example `fct_sale of sales.invoice_lines`."""
        return f"{self.name} of {self.source}"


def load_reconciliation(catalog: Catalog, folder: Path = METADATA_DIR) -> tuple[Fact, ...]:
    """Return the facts to reconcile, sorted by label. Raises MetadataError with every issue."""
    issues: list[Issue] = []
    facts: list[Fact] = []
    for name, raw in ((read_yaml(folder, FILE, issues) or {}).get("facts") or {}).items():
        for key, entry in _entries(name, raw if isinstance(raw, dict) else {}):
            try:
                fact = Fact.model_validate(entry)
            except ValidationError as error:
                issues += explain(error, Fact, entry, FILE, key)
                continue
            facts.append(fact)
            issues += _unknown(fact, key, catalog)
    if issues:
        raise MetadataError(issues)
    return tuple(sorted(facts, key=lambda fact: fact.label))


def _entries(name: str, raw: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield one entry per source of the mart, with its key in the file."""
    sources = raw.get("sources")
    if not isinstance(sources, dict):
        yield f"facts.{name}", {"name": name, **raw}
        return
    shared = {key: value for key, value in raw.items() if key != "sources"}
    for source, own in sources.items():
        entry = {"name": name, "source": source, **shared, **(own if isinstance(own, dict) else {})}
        yield f"facts.{name}.sources.{source}", entry


def _unknown(fact: Fact, key: str, catalog: Catalog) -> list[Issue]:
    known = {table.qualified: table for table in catalog.tables}
    if fact.source not in known:
        fix = did_you_mean(fact.source, known)
        return [Issue(FILE, f"{key}.source", f"no table '{fact.source}'", fix)]
    controls = known[fact.source].controls
    if fact.day and known[fact.source].day is None:
        fix = f"Add a control_day to {fact.source}, or remove `day`."
        return [Issue(FILE, f"{key}.day", f"{fact.source} has no control_day", fix)]
    return [
        Issue(FILE, f"{key}.measures", f"{fact.source} has no control '{name}'", did_you_mean(name, controls))
        for name in fact.measures
        if name not in controls
    ]
