"""Read a table with ConnectorX into Parquet: `connectorx_parquet.py DSN TABLE FOLDER` prints the seconds."""

import sys
import time
from pathlib import Path

import connectorx
import pyarrow.parquet as pq

dsn, table, folder = sys.argv[1:]
started = time.monotonic()
rows = connectorx.read_sql(dsn, f"select * from {table}", return_type="arrow", protocol="binary")
pq.write_table(rows, Path(folder) / "connectorx.parquet", compression="zstd")
print(time.monotonic() - started)
