"""Load a table with dlt into DuckDB: `dlt_duckdb.py DSN TABLE FOLDER BACKEND` prints the seconds."""

import os
import sys
import time
from pathlib import Path

dsn, table, folder, backend = sys.argv[1:]
os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR", "DLT_DATA_DIR": folder}

import dlt  # noqa: E402 - dlt reads its settings when it is imported
from dlt.sources.sql_database import sql_table  # noqa: E402

schema, name = table.split(".")
started = time.monotonic()
pipeline = dlt.pipeline(
    "bench",
    pipelines_dir=f"{folder}/pipelines",
    destination=dlt.destinations.duckdb(str(Path(folder) / "dlt.duckdb")),
    dataset_name="raw",
)
rows = sql_table(
    credentials=dsn,
    schema=schema,
    table=name,
    backend=backend,
    chunk_size=100_000,
    reflection_level="full_with_precision",
)
pipeline.run(rows, write_disposition="append", loader_file_format="parquet")
print(time.monotonic() - started)
