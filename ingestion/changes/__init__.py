"""Which rows of a table a batch reads, and why: change detection, identities, keys, new columns."""
