"""Load pending batches into the vault. Read `load`, then `plan`, which it makes, then `state`."""
