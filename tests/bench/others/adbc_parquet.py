"""Read a table with ADBC into a Parquet file: `adbc_parquet.py DSN TABLE FOLDER` prints the seconds."""

import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
from adbc_driver_postgresql import dbapi

dsn, table, folder = sys.argv[1:]
started = time.monotonic()
with dbapi.connect(dsn) as connection, connection.cursor() as cursor:
    cursor.execute(f"select * from {table}")
    rows = cursor.fetch_record_batch()
    with pq.ParquetWriter(Path(folder) / "adbc.parquet", rows.schema, compression="zstd") as file:
        for batch in rows:
            file.write_batch(batch)
print(time.monotonic() - started)
