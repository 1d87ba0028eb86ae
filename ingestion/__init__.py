"""Copy Postgres to raw in batches. Start with batch.py; docs/architecture.md describes the steps."""
