"""Verify that raw, the ledger and rebuilt tables are unchanged."""
