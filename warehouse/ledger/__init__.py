"""The ledger, dataset `<prefix>_audit`: its tables, and the records of batches, builds and erasures."""
