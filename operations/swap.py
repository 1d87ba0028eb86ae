"""Replace the live tables by those of a rebuild.

If columns and layout are equal, the table is refilled: truncated and filled in one transaction. It remains
the same table, with its row access policy, policy tags, labels, grants and time travel, and readers see the
old rows until the transaction commits. If columns or layout differ, the table is dropped and copied. Both
are idempotent, so an interrupted swap is simply repeated.
"""

from collections.abc import Sequence

from google.cloud.bigquery import Client, CopyJobConfig

from config.settings import Layer, Settings
from warehouse.errors import translated
from warehouse.labels import labels_of
from warehouse.ledger.tables import layout
from warehouse.queries import NO_RETRY, READ_RETRY, execute

# BigQuery lets a transaction change 100 tables at most.
TABLES_A_TRANSACTION = 50


def refill(
    client: Client,
    live: Settings,
    shadow: Settings,
    layer: Layer,
    tables: Sequence[tuple[str, Sequence[str]]],
) -> None:
    """Refill tables of a layer from the shadow datasets, 50 per transaction. `tables`: names with columns.

    There are fewer than 50 marts, so readers see either all old or all new marts.
    """
    for start in range(0, len(tables), TABLES_A_TRANSACTION):
        script = refill_script(live, shadow, layer, tables[start : start + TABLES_A_TRANSACTION])
        execute(client, script, timeout_s=live.load_timeout_s)


def refill_script(
    live: Settings, shadow: Settings, layer: Layer, tables: Sequence[tuple[str, Sequence[str]]]
) -> str:
    """Return the transaction that refills these tables from the shadow datasets."""
    statements = ["begin transaction"]
    for name, columns in tables:
        listed = ", ".join(f"`{column}`" for column in columns)
        statements += [
            f"truncate table {_table(live, layer, name)}",
            f"insert into {_table(live, layer, name)} ({listed})\n"
            f"select {listed} from {_table(shadow, layer, name)}",
        ]
    statements.append("commit transaction")
    return ";\n".join(statements) + ";"


def replace(client: Client, live: Settings, shadow: Settings, layer: Layer, name: str) -> None:
    """Drop the live table, if it exists, and copy the shadow table with its layout.

    BigQuery cannot overwrite a table by one with other partitions, so for a short time there is no table.
    """
    source = f"{shadow.project}.{shadow.dataset(layer)}.{name}"
    target = f"{live.project}.{live.dataset(layer)}.{name}"
    with translated(f"copy of {source} to {target}"):
        client.delete_table(target, not_found_ok=True, timeout=60, retry=READ_RETRY)
        config = CopyJobConfig(write_disposition="WRITE_TRUNCATE", labels=labels_of(client))
        job = client.copy_table(source, target, job_config=config, timeout=60, retry=NO_RETRY)
        job.result(timeout=live.load_timeout_s, retry=READ_RETRY)


def copy_vault_loads(client: Client, live: Settings, shadow: Settings) -> None:
    """Copy the shadow ledger's record of loaded batches to the live ledger."""
    columns = [field.name for field in layout(live, "vault_loads").schema]
    script = refill_script(live, shadow, "audit", [("vault_loads", columns)])
    execute(client, script, timeout_s=live.query_timeout_s)


def _table(settings: Settings, layer: Layer, name: str) -> str:
    return f"`{settings.project}`.`{settings.dataset(layer)}`.`{name}`"
