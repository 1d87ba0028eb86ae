"""The local services: PostgreSQL, the BigQuery emulator, and a simulator of the business."""
