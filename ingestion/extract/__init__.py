"""Read the tables of a batch from the source into staged Parquet files."""
