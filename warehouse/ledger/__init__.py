"""The ledger, dataset `<prefix>_audit`: its tables, and the records of builds, rebuilds and erasures."""
