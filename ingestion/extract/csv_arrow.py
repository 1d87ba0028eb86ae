"""Turns a block of COPY's CSV into typed Arrow columns; values that BigQuery cannot hold are set apart.

Arrow's reader converts a block in one go and ends at the first value that does not fit. Only such a block is
read again, as text, and looked through column by column; without a loop over its rows either way.
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
class Unfit:
    """Values of one column that BigQuery cannot hold: their rows within the block, their texts, and why."""

    column: str
    rows: pa.Int64Array
    texts: pa.StringArray
    reason: str


@dataclass(frozen=True)
class Block:
    """The rows of a block, with null in place of each unfit value."""

    rows: pa.RecordBatch
    unfit: tuple[Unfit, ...] = ()


def read_block(block: bytes | bytearray, table: Table, columns: tuple[Column, ...]) -> Block:
    """Return the rows of the block, which holds whole rows of these columns of the table.

    NULL is an empty field, '' a quoted one, as COPY writes them. What does not fit ('infinity', the year
    10000, NaN in a numeric) comes apart. Raises PermanentError for what is no CSV.
    """
    types = {column.name: column_type(column.type) for column in columns}
    try:
        batch = _read(block, {name: kind.csv for name, kind in types.items()})
        arrays = [_arrow(array, kind) for array, kind in zip(batch.columns, types.values(), strict=True)]
    except pa.ArrowInvalid:
        return _read_with_care(block, table, types)
    return Block(pa.RecordBatch.from_arrays(arrays, names=list(types)))


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
    """Bring a column from what CSV is read as to what Parquet keeps. ArrowInvalid when a value is unfit."""
    if array.type == kind.arrow:
        return array
    if pa.types.is_binary(kind.arrow):
        return unhex(array)
    if pa.types.is_decimal(kind.arrow):
        longest = pc.max(pc.binary_length(array)).as_py() or 0
        if longest > NUMERIC_INTEGER_DIGITS:  # Arrow's cast overflows without a word beyond 38 digits
            raise pa.ArrowInvalid("a number may have too many digits")
    return array.cast(kind.arrow)


def _read_with_care(block: bytes | bytearray, table: Table, types: dict[str, ColumnType]) -> Block:
    as_text = {name: pa.string() if kind.limits else kind.csv for name, kind in types.items()}
    arrays, unfit = [], []
    try:
        batch = _read(block, as_text)
        for (name, kind), array in zip(types.items(), batch.columns, strict=True):
            if kind.limits is None:
                arrays.append(_arrow(array, kind))
                continue
            held, is_unfit = _within(array, kind.limits)
            arrays.append(_cast(held, kind))
            rows = pc.indices_nonzero(is_unfit).cast(pa.int64())
            if len(rows):
                reason = f"{kind.bigquery} holds {kind.limits.says}"
                unfit.append(Unfit(name, rows, array.take(rows), reason))
    except pa.ArrowInvalid as error:
        raise PermanentError(
            f"{table.qualified}: what the source sent cannot be read ({_REASON.sub('', str(error))}). "
            "This must not happen: please report it."
        ) from None
    return Block(pa.RecordBatch.from_arrays(arrays, names=list(types)), tuple(unfit))


def _within(texts: pa.StringArray, limits: Limits) -> tuple[pa.StringArray, pa.BooleanArray]:
    """Put null for the texts that are not within the limits; return the mask of those, too."""
    is_unfit = pc.fill_null(pc.invert(pc.match_substring_regex(texts, limits.text)), False)
    return pc.if_else(is_unfit, pa.scalar(None, pa.string()), texts), is_unfit


def _cast(texts: pa.StringArray, kind: ColumnType) -> pa.Array:
    """Convert texts that are known to fit."""
    if pa.types.is_decimal(kind.arrow):
        # the zeros that end a fraction count as digits to Arrow
        texts = pc.replace_substring_regex(texts, r"(\.\d*?)0+$", r"\1")
        texts = pc.replace_substring_regex(texts, r"\.$", "")
    elif pa.types.is_time(kind.arrow):  # Arrow casts no text to a time
        stamps = pc.binary_join_element_wise("1970-01-01", texts, " ").cast(pa.timestamp("us"))
        return stamps.cast(kind.arrow)
    return texts.cast(kind.arrow)
