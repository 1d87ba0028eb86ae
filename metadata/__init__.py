"""The metadata of the warehouse: YAML of the source tables, and the typed classes that read it."""
