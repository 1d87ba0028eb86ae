"""The source Postgres: connections, its SQL and errors, and what its catalog says of the tables."""
