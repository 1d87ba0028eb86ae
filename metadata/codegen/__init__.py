"""Write dbt models, dbt YAML and docs pages from the metadata."""
