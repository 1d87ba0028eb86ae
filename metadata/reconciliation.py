"""Which marts must add up to which source tables: reads metadata/reconciliation.yml.

facts:
  fct_order:                      # the mart
    source: sales.order_lines     # holds one row for each of its rows
    day: order_date_key           # its column with the day by which the source is added up (control_day)
    measures:
      quantity: quantity          # control total of the source: column of the mart
    carried:
      unit_price: coalesce(unit_price, 0)   # column of the mart that is no total: SQL of the source's columns

A mart that holds the rows of several tables tells them apart:

  fct_transaction:
    day: date_key
    sources:
      sales.customer_transactions:
        source_key: wwi_customer_transaction_id       # the source's key, where it is not the mart's own
        where: customer_transaction_id is not null    # which rows of the mart
        measures: {tax_amount: tax_amount}
      purchasing.supplier_transactions: ...
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from metadata.errors import MetadataError, Mistake, did_you_mean
from metadata.load import METADATA_DIR
from metadata.mappings import SnakeName, Spec
from metadata.naming import quoted_in_source
from metadata.reading import explain, read_yaml
from metadata.spec import Catalog, Table, in_warehouse_quotes

FILE = "reconciliation.yml"


class Fact(Spec):
    """A mart with one row for every row of its source table, and the columns whose sums must be equal.

    `where`: SQL that picks the mart's rows of this source, when it has several. `day`: the column with the
    day that the source table's totals are kept by. `carried`: {column of the mart: SQL of the source's}, for
    figures that nobody adds up. `source_key`: the mart's column with the key of the source row, by default
    its own key.
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
        """The key of the mart's rows: `sale_key`."""
        return f"{self.name.removeprefix('fct_')}_key"

    def formulas(self, table: Table) -> dict[str, str]:
        """{column of the mart: how it is made of the source's columns}, in the warehouse's SQL."""
        written = {each.name: quoted_in_source(each.name) for each in table.columns if each.measure}
        written |= table.computed_controls
        found = {column: written[name] for name, column in self.measures.items()} | self.carried
        return {column: in_warehouse_quotes(text) for column, text in found.items()}

    @property
    def label(self) -> str:
        """What tells it from other sources of the same mart: `fct_sale of sales.invoice_lines`."""
        return f"{self.name} of {self.source}"


def load_reconciliation(catalog: Catalog, folder: Path = METADATA_DIR) -> tuple[Fact, ...]:
    """Return the facts to reconcile, by name. Raises MetadataError naming every unknown table or total."""
    mistakes: list[Mistake] = []
    facts: list[Fact] = []
    for name, raw in ((read_yaml(folder, FILE, mistakes) or {}).get("facts") or {}).items():
        for key, entry in _entries(name, raw if isinstance(raw, dict) else {}):
            try:
                fact = Fact.model_validate(entry)
            except ValidationError as error:
                mistakes += explain(error, Fact, entry, FILE, key)
                continue
            facts.append(fact)
            mistakes += _unknown(fact, key, catalog)
    if mistakes:
        raise MetadataError(mistakes)
    return tuple(sorted(facts, key=lambda fact: fact.label))


def _entries(name: str, raw: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """One entry per source of the mart, with the key that it stands at."""
    sources = raw.get("sources")
    if not isinstance(sources, dict):
        yield f"facts.{name}", {"name": name, **raw}
        return
    shared = {key: value for key, value in raw.items() if key != "sources"}
    for source, own in sources.items():
        entry = {"name": name, "source": source, **shared, **(own if isinstance(own, dict) else {})}
        yield f"facts.{name}.sources.{source}", entry


def _unknown(fact: Fact, key: str, catalog: Catalog) -> list[Mistake]:
    known = {table.qualified: table for table in catalog.tables}
    if fact.source not in known:
        mend = did_you_mean(fact.source, known)
        return [Mistake(FILE, f"{key}.source", f"no table '{fact.source}'", mend)]
    controls = known[fact.source].controls
    if fact.day and known[fact.source].day is None:
        mend = f"Give {fact.source} a control_day, or take the day out."
        return [Mistake(FILE, f"{key}.day", f"{fact.source} is not added up by day", mend)]
    return [
        Mistake(
            FILE, f"{key}.measures", f"{fact.source} has no control '{name}'", did_you_mean(name, controls)
        )
        for name in fact.measures
        if name not in controls
    ]
