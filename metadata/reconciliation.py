"""Which marts must add up to which source tables: reads metadata/reconciliation.yml.

facts:
  fct_order:                      # the mart
    source: sales.order_lines     # holds one row for each of its rows
    measures:
      quantity: quantity          # control total of the source: column of the mart
"""

from pathlib import Path

from pydantic import ValidationError

from metadata.errors import MetadataError, Mistake, did_you_mean
from metadata.load import METADATA_DIR
from metadata.reading import explain, read_yaml
from metadata.spec import Catalog, SnakeName, Spec

FILE = "reconciliation.yml"


class Fact(Spec):
    """A mart with one row for every row of its source table, and the columns whose sums must be equal."""

    name: SnakeName
    source: str
    measures: dict[SnakeName, SnakeName]


def load_reconciliation(catalog: Catalog, folder: Path = METADATA_DIR) -> tuple[Fact, ...]:
    """Return the facts to reconcile, by name. Raises MetadataError naming every unknown table or total."""
    mistakes: list[Mistake] = []
    facts: list[Fact] = []
    for name, raw in ((read_yaml(folder, FILE, mistakes) or {}).get("facts") or {}).items():
        entry = {"name": name, **(raw if isinstance(raw, dict) else {})}
        try:
            fact = Fact.model_validate(entry)
        except ValidationError as error:
            mistakes += explain(error, Fact, entry, FILE, f"facts.{name}")
            continue
        facts.append(fact)
        mistakes += _unknown(fact, catalog)
    if mistakes:
        raise MetadataError(mistakes)
    return tuple(sorted(facts, key=lambda fact: fact.name))


def _unknown(fact: Fact, catalog: Catalog) -> list[Mistake]:
    key = f"facts.{fact.name}"
    known = {table.qualified: table for table in catalog.tables}
    if fact.source not in known:
        mend = did_you_mean(fact.source, known)
        return [Mistake(FILE, f"{key}.source", f"no table '{fact.source}'", mend)]
    controls = known[fact.source].controls
    return [
        Mistake(
            FILE, f"{key}.measures", f"{fact.source} has no control '{name}'", did_you_mean(name, controls)
        )
        for name in fact.measures
        if name not in controls
    ]
