"""Copy Postgres to raw in batches. Start at batch.py; docs/architecture.md shows the steps of a batch."""
