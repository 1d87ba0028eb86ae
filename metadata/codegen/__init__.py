"""Generate dbt models, dbt YAML, docs pages and Holistics models from the metadata."""
