"""Erase a person's values from every table."""
