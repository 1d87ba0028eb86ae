"""Convert a block of CSV from COPY to typed Arrow columns, and reject values that BigQuery cannot hold.

Arrow's reader converts a whole block and fails at the first value that does not fit. Only such a block is
read again, as text, and checked column by column. Neither way loops over rows.
"""

import binascii
import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from config.errors import PermanentError
from metadata.postgres_types import NUMERIC_INTEGER_DIGITS
from metadata.spec import Column, Table
from warehouse.type_mappings import ColumnType, Limits, column_type

_REASON = re.compile(r"(:|'|\bvalue\b).*", re.DOTALL)  # what follows can quote a value


@dataclass(frozen=True)
class RejectedColumnValues:
    """The rejected values of one column: their row numbers in the block, their texts, and the reason."""

    column: str
    rows: pa.Int64Array
    texts: pa.StringArray
    reason: str


@dataclass(frozen=True)
class Block:
    """The rows of a block, with null instead of each rejected value."""

    rows: pa.RecordBatch
    rejected: tuple[RejectedColumnValues, ...] = ()


def read_block(block: bytes | bytearray, table: Table, columns: tuple[Column, ...]) -> Block:
    """Return the rows of a block of CSV, which contains complete rows of these columns of the table.

    As COPY writes them, NULL is an empty field and '' a quoted one. Values that do not fit ('infinity', the
    year 10000, NaN in a numeric) are rejected. Raises PermanentError for invalid CSV.
    """
    types = {column.name: column_type(column.type) for column in columns}
    try:
        batch = _read(block, {name: kind.csv for name, kind in types.items()})
        arrays = [_arrow(array, kind) for array, kind in zip(batch.columns, types.values(), strict=True)]
    except pa.ArrowInvalid:
        return _read_and_reject(block, table, types)
    return Block(pa.RecordBatch.from_arrays(arrays, names=list(types)))


def unhex(texts: pa.StringArray) -> pa.BinaryArray:
    """Decode an array of hexadecimal texts at once, because all its characters are in one buffer."""
    _, offset_buffer, characters = texts.buffers()
    offsets = np.frombuffer(offset_buffer, dtype=np.int32)[texts.offset : texts.offset + len(texts) + 1]
    start, end = int(offsets[0]), int(offsets[-1])
    data = binascii.unhexlify(characters[start:end]) if end > start else b""
    validity = texts.is_valid().buffers()[1]
    halved = ((offsets - start) // 2).astype(np.int32)
    return pa.Array.from_buffers(
        pa.binary(), len(texts), [validity, pa.py_buffer(halved), pa.py_buffer(data)]
    )


def _read(block: bytes | bytearray, types: dict[str, pa.DataType]) -> pa.RecordBatch:
    rows = pa_csv.read_csv(
        pa.py_buffer(block),
        read_options=pa_csv.ReadOptions(
            column_names=list(types), block_size=len(block) + 1, use_threads=False
        ),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=pa_csv.ConvertOptions(
            column_types=types,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        ),
    )
    return rows.combine_chunks().to_batches()[0]


def _arrow(array: pa.Array, kind: ColumnType) -> pa.Array:
    """Cast a column from its CSV type to its Parquet type. Raises ArrowInvalid if a value does not fit."""
    if array.type == kind.arrow:
        return array
    if pa.types.is_binary(kind.arrow):
        return unhex(array)
    if pa.types.is_decimal(kind.arrow):
        longest = pc.max(pc.binary_length(array)).as_py() or 0
        if longest > NUMERIC_INTEGER_DIGITS:  # beyond 38 digits, Arrow's cast overflows silently
            raise pa.ArrowInvalid("a number may have too many digits")
    return array.cast(kind.arrow)


def _read_and_reject(block: bytes | bytearray, table: Table, types: dict[str, ColumnType]) -> Block:
    as_text = {name: pa.string() if kind.limits else kind.csv for name, kind in types.items()}
    arrays, rejected = [], []
    try:
        batch = _read(block, as_text)
        for (name, kind), array in zip(types.items(), batch.columns, strict=True):
            if kind.limits is None:
                arrays.append(_arrow(array, kind))
                continue
            kept, is_rejected = _reject_outside(array, kind.limits)
            arrays.append(_cast(kept, kind))
            rows = pc.indices_nonzero(is_rejected).cast(pa.int64())
            if len(rows):
                reason = f"{kind.bigquery} holds {kind.limits.description}"
                rejected.append(RejectedColumnValues(name, rows, array.take(rows), reason))
    except pa.ArrowInvalid as error:
        raise PermanentError(
            f"{table.qualified}: the data of the source cannot be parsed ({_REASON.sub('', str(error))}). "
            "This is a bug: please report it."
        ) from None
    return Block(pa.RecordBatch.from_arrays(arrays, names=list(types)), tuple(rejected))


def _reject_outside(texts: pa.StringArray, limits: Limits) -> tuple[pa.StringArray, pa.BooleanArray]:
    """Replace texts outside the limits by null. Return the texts and the mask of the rejected ones."""
    is_rejected = pc.fill_null(pc.invert(pc.match_substring_regex(texts, limits.text)), False)
    return pc.if_else(is_rejected, pa.scalar(None, pa.string()), texts), is_rejected


def _cast(texts: pa.StringArray, kind: ColumnType) -> pa.Array:
    """Convert texts that fit."""
    if pa.types.is_decimal(kind.arrow):
        # Arrow counts trailing zeros of a fraction as digits
        texts = pc.replace_substring_regex(texts, r"(\.\d*?)0+$", r"\1")
        texts = pc.replace_substring_regex(texts, r"\.$", "")
    elif pa.types.is_time(kind.arrow):  # Arrow cannot cast text to a time
        stamps = pc.binary_join_element_wise("1970-01-01", texts, " ").cast(pa.timestamp("us"))
        return stamps.cast(kind.arrow)
    return texts.cast(kind.arrow)
