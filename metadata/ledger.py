"""The tables of the ledger that models read, described for dbt; ingestion makes and fills them."""

AUDIT_TABLES: dict[str, tuple[str, dict[str, str]]] = {
    "batches": (
        "One row per batch: one consistent picture of the source, loaded as a whole or not at all.",
        {
            "batch_id": "Number of the batch: 1, 2, 3 and so on; the lineage key of the marts.",
            "load_dts": "Time of the batch (UTC); each is later than all before.",
            "applied_dts": "What the source's own clock showed when the picture was taken.",
            "status": "extracting, loading, completed or void; only completed batches count.",
            "started_at": "When the batch began (UTC).",
            "finished_at": "When it was completed or given up (UTC); null before.",
            "source_system": "System identifier and database of the source.",
            "snapshot": "The source's snapshot, as Postgres writes it.",
            "pid": "Process that ran the batch.",
            "host": "Machine it ran on.",
            "code_version": "Version of this project that ran it.",
            "error": "Why it was given up; null otherwise.",
            "ended_xids": "Transactions that were over beside one that was not, see ADR 0004.",
            "previous_hash": "Hash of the completed batch before, or zeros: what makes a chain of them.",
            "own_hash": "Hash of the batch's rows in raw and in the ledger, see docs/audit.md.",
            "rejected_content": "Rows and checksum of its rejected values; null of an older release.",
            "daily_content": "Rows and checksum of its totals by day; null of an older release.",
        },
    ),
    "vault_loads": (
        "One row per batch that the raw vault holds.",
        {
            "batch_id": "Number of the batch.",
            "load_dts": "Time of the batch (UTC).",
            "invocation_id": "dbt run that loaded it.",
            "loaded_at": "When it was loaded (UTC).",
            "hash_version": "Version of the hash rules it was loaded by; null for the first.",
        },
    ),
}
