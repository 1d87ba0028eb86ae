"""Read the source Postgres: connections, SQL, errors, and its catalog."""
