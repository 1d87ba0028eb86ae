"""BigQuery: client, statements, tables, load jobs, the lease, the ledger, and the project's set-up."""
