"""Estimate the bytes that BigQuery would bill for a daily load."""
