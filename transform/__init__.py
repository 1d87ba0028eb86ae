"""Run dbt from Python: packages, selection, the build and its record in the ledger."""
