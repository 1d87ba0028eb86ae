"""Trace a total of a mart to its source rows, and explain differences between loads."""
