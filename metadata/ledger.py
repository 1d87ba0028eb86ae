"""Describe the ledger tables that dbt models read; ingestion creates and fills them."""

AUDIT_TABLES: dict[str, tuple[str, dict[str, str]]] = {
    "batches": (
        "One row per batch: one consistent source snapshot, loaded completely or not at all.",
        {
            "batch_id": "Number of the batch: 1, 2, 3 and so on; the lineage key of the marts.",
            "load_dts": "Load time of the batch (UTC); later than that of every earlier batch.",
            "applied_dts": "Time on the source's clock when the snapshot was taken.",
            "status": "extracting, loading, completed or void; only completed batches are used.",
            "started_at": "When the batch began (UTC).",
            "finished_at": "When it was completed or abandoned (UTC); null before.",
            "source_system": "System identifier and database of the source.",
            "snapshot": "The source snapshot in the text format of Postgres.",
            "pid": "Process that ran the batch.",
            "host": "Machine it ran on.",
            "code_version": "Version of this project that ran it.",
            "error": "Why it was abandoned; null otherwise.",
            "ended_xids": "Transactions that had ended while an older one was still open, see ADR 0004.",
            "previous_hash": "Batch hash of the completed batch before, or zeros; links the hash chain.",
            "own_hash": "Batch hash: hash of the batch's rows in raw and in the ledger, see docs/audit.md.",
            "rejected_content": "Row count and checksum of its rejected values; null for older releases.",
            "daily_content": "Row count and checksum of its daily totals; null for older releases.",
        },
    ),
    "vault_loads": (
        "One row per batch that the raw vault holds.",
        {
            "batch_id": "Number of the batch.",
            "load_dts": "Time of the batch (UTC).",
            "invocation_id": "dbt invocation that loaded it.",
            "loaded_at": "When it was loaded (UTC).",
            "hash_version": "Version of the hash rules it was loaded with; null for version 1.",
        },
    ),
}
