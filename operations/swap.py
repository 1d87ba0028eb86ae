"""Put the tables of a rebuild in the place of the live ones.

A table that keeps its columns and its layout is filled again: emptied and filled in one transaction. It stays
the same table, with its row access policy, policy tags, labels, grants and time travel, and a reader sees the
old rows until the new ones are there. Only a table whose columns or layout differ is dropped and copied.
Both may be done twice, so what was interrupted is simply done again.
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
    client: Client, live: Settings, side: Settings, layer: Layer, tables: Sequence[tuple[str, Sequence[str]]]
) -> None:
    """Fill tables of a layer, each with the names of its columns, from the side, 50 in one transaction.

    The marts are fewer than that: who asks them sees all of them old or all of them new.
    """
    for start in range(0, len(tables), TABLES_A_TRANSACTION):
        script = refill_script(live, side, layer, tables[start : start + TABLES_A_TRANSACTION])
        execute(client, script, timeout_s=live.load_timeout_s)


def refill_script(
    live: Settings, side: Settings, layer: Layer, tables: Sequence[tuple[str, Sequence[str]]]
) -> str:
    """Return the transaction that fills these tables from the side."""
    statements = ["begin transaction"]
    for name, columns in tables:
        listed = ", ".join(f"`{column}`" for column in columns)
        statements += [
            f"truncate table {_table(live, layer, name)}",
            f"insert into {_table(live, layer, name)} ({listed})\n"
            f"select {listed} from {_table(side, layer, name)}",
        ]
    statements.append("commit transaction")
    return ";\n".join(statements) + ";"


def replace(client: Client, live: Settings, side: Settings, layer: Layer, name: str) -> None:
    """Drop the live table, if there is one, and copy the one of the side, with its layout.

    BigQuery overwrites no table by one with other partitions, so for a moment there is none.
    """
    source = f"{side.project}.{side.dataset(layer)}.{name}"
    target = f"{live.project}.{live.dataset(layer)}.{name}"
    with translated(f"copy of {source} to {target}"):
        client.delete_table(target, not_found_ok=True, timeout=60, retry=READ_RETRY)
        config = CopyJobConfig(write_disposition="WRITE_TRUNCATE", labels=labels_of(client))
        job = client.copy_table(source, target, job_config=config, timeout=60, retry=NO_RETRY)
        job.result(timeout=live.load_timeout_s, retry=READ_RETRY)


def take_marks(client: Client, live: Settings, side: Settings) -> None:
    """Let the live ledger say of the batches in the vault what the side's says."""
    columns = [field.name for field in layout(live, "vault_loads").schema]
    script = refill_script(live, side, "audit", [("vault_loads", columns)])
    execute(client, script, timeout_s=live.query_timeout_s)


def _table(settings: Settings, layer: Layer, name: str) -> str:
    return f"`{settings.project}`.`{settings.dataset(layer)}`.`{name}`"
