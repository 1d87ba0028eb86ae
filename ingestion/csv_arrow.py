"""Turns a block of COPY's CSV into typed Arrow columns: exactly, or an error that names table and column."""

import binascii
import re

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from ingestion.errors import PermanentError
from ingestion.typemap import column_type
from metadata.spec import Column, Table

_COLUMN_ERROR = re.compile(r"In CSV column #(\d+): (.*)", re.DOTALL)


def read_block(block: bytes | bytearray, table: Table, columns: tuple[Column, ...]) -> pa.RecordBatch:
    """Return the rows of the block, which holds whole rows of these columns of the table.

    NULL is an empty field, '' a quoted one, as COPY writes them. Raises PermanentError for a value that the
    column's type cannot hold ('infinity', the year 10000, NaN in a numeric, text that is no UTF-8).
    """
    types = {column.name: column_type(column.type) for column in columns}
    try:
        rows = pa_csv.read_csv(
            pa.py_buffer(block),
            read_options=pa_csv.ReadOptions(
                column_names=list(types), block_size=len(block) + 1, use_threads=False
            ),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=pa_csv.ConvertOptions(
                column_types={name: kind.csv for name, kind in types.items()},
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                true_values=["t"],
                false_values=["f"],
            ),
        )
    except pa.ArrowInvalid as error:
        raise _value_error(error, table, columns) from None
    batch = rows.combine_chunks().to_batches()[0]
    for index, kind in enumerate(types.values()):
        if pa.types.is_binary(kind.arrow):
            name = batch.schema.names[index]
            batch = batch.set_column(index, pa.field(name, kind.arrow), unhex(batch.column(index)))
    return batch


def unhex(texts: pa.StringArray) -> pa.BinaryArray:
    """Decode an array of hexadecimal texts in one go: all its characters lie in one buffer."""
    _, offset_buffer, characters = texts.buffers()
    offsets = np.frombuffer(offset_buffer, dtype=np.int32)[texts.offset : texts.offset + len(texts) + 1]
    start, end = int(offsets[0]), int(offsets[-1])
    data = binascii.unhexlify(characters[start:end]) if end > start else b""
    validity = texts.is_valid().buffers()[1]
    halved = ((offsets - start) // 2).astype(np.int32)
    return pa.Array.from_buffers(
        pa.binary(), len(texts), [validity, pa.py_buffer(halved), pa.py_buffer(data)]
    )


def _value_error(error: pa.ArrowInvalid, table: Table, columns: tuple[Column, ...]) -> PermanentError:
    found = _COLUMN_ERROR.match(str(error))
    if found is None:
        return PermanentError(f"{table.qualified}: what the source sent cannot be read ({error}).")
    column, reason = columns[int(found[1])], found[2]
    if column.sensitivity != "none":
        reason = "the value is not shown"  # personal data must not end in a log
    kind = column_type(column.type)
    return PermanentError(
        f"{table.qualified}.{column.name}: a value does not fit BigQuery's {kind.bigquery} ({reason}). "
        "Correct the row in the source; nothing of this batch was loaded."
    )
