"""Decide which rows of a table a batch reads: change detection, identities, keys, new columns."""
