"""Metadata of the warehouse: YAML files about the source tables, and the typed classes that read them."""
