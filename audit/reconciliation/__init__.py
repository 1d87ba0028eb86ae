"""Compare totals by day between the source, raw, the vault and the marts."""
