"""BigQuery access: client, statements, tables, load jobs, lease, ledger, and the setup of a project."""
