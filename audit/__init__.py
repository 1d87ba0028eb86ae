"""Report on the warehouse without changing it: status, reconciliation, verification and traces."""
