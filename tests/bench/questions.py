"""Measure history and as-of queries at scale 1: the whole history in one batch, and one day in a second.

Each query runs twice in one process, first as a new statement, then again. The start of Python and of the
client, about a second, is not counted.
"""

import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.table import Table

from audit.history import past
from audit.history.as_of import Models
from audit.history.versions import history
from audit.sizes import layer_sizes
from config.settings import Settings
from ingestion.batch import run_batch
from metadata.load import load_catalog
from metadata.spec import Catalog
from operations.mart_definitions import definitions
from sandbox import postgres, simulation, warehouse
from tests.bench.platform import timed
from transform.dbt import build

LAST_DAY = date(2016, 5, 31)
TIMEOUT_S = 600
SHOWN = 1000
KEYS = (("customer", "5"), ("stock_item", "75"), ("order", "50000"))
DIMENSIONS = ("dim_customer", "dim_stock_item", "dim_city")
FACTS = ("fct_movement", "fct_order", "fct_sale")


def measure(console: Console) -> None:
    """Measure, and print one table."""
    with tempfile.TemporaryDirectory(prefix="wwi-bench-") as folder:
        settings = Settings(home=Path(folder), query_timeout_s=TIMEOUT_S, _env_file=None)
        catalog = load_catalog()
        try:
            postgres.up(settings)
            warehouse.up(settings)
            simulation.simulate(settings, last=LAST_DAY)
            run_batch(settings, catalog)
            simulation.simulate(settings, days=1)
            run_batch(settings, catalog)
            build(settings)
            models, compile_s = timed(lambda: definitions(settings))
            rows = {layer.layer: layer.rows for layer in layer_sizes(settings)}
            table = Table("question", "seconds", "again")
            table.add_row(
                "compiling the definitions, once for a version of the project", f"{compile_s:.1f}", ""
            )
            for name, ask in questions(settings, catalog, models):
                _, first_s = timed(ask)
                _, again_s = timed(ask)
                table.add_row(name, f"{first_s:.1f}", f"{again_s:.1f}")
        finally:
            warehouse.down(settings)
            postgres.down(settings)
    console.print(f"{rows['raw_vault']:,} rows in the raw vault, {rows['marts']:,} in the marts")
    console.print(table)


def questions(
    settings: Settings, catalog: Catalog, models: Models
) -> Iterator[tuple[str, Callable[[], object]]]:
    """Return the measured queries: name and function."""
    for entity, key in KEYS:
        yield f"history of {entity} {key}", lambda e=entity, k=key: history(settings, catalog, e, k)
    for mart in (*DIMENSIONS, *FACTS):
        yield (
            f"{mart} as of batch 1, the first {SHOWN} rows",
            lambda m=mart: past.as_of(settings, models, m, "batch:1", limit=SHOWN),
        )
    yield (
        f"{FACTS[-1]}: batch 1 and 2 compared",
        lambda: past.difference(settings, models, FACTS[-1], "batch:1", "batch:2"),
    )
