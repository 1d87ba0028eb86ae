"""The ledger of loaded batches: which batches the vault contains. Written at the end of a build."""

from collections.abc import Collection

from google.cloud.bigquery import Client

from config.settings import Settings
from warehouse.ledger.tables import table_name
from warehouse.queries import execute


def record_loads(
    client: Client, settings: Settings, batches: Collection[int], invocation_id: str, hash_version: int
) -> None:
    """Mark these batches as loaded by the build `invocation_id`, except those that are marked already."""
    if not batches:
        return
    loads = table_name(settings, "vault_loads")
    execute(
        client,
        f"insert into {loads} (batch_id, load_dts, invocation_id, loaded_at, hash_version) "
        f"select batch_id, load_dts, '{invocation_id}', current_timestamp(), {hash_version} "
        f"from {table_name(settings, 'batches')} "
        f"where batch_id in ({', '.join(map(str, sorted(batches)))}) "
        f"and batch_id not in (select batch_id from {loads})",
        timeout_s=settings.query_timeout_s,
    )


def record_hash_version(client: Client, settings: Settings, hash_version: int) -> None:
    """Set the version of the hash rules of all loaded batches, after a full refresh."""
    execute(
        client,
        f"update {table_name(settings, 'vault_loads')} set hash_version = {hash_version} "
        f"where coalesce(hash_version, 1) != {hash_version}",
        timeout_s=settings.query_timeout_s,
    )
