"""Columns of a source table as numpy arrays, and their conversion to and from Postgres.

An integer column is int64, money and other `numeric(p,s)` int64 in units of the last decimal (cents for
`numeric(18,2)`), a date `datetime64[D]`, a timestamp `datetime64[s]`, a boolean bool; text and bytea are
objects. Null is `NULL` in an integer array, NaT in a date, None in an object; booleans have none.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from metadata.spec import Column, Table

Array = NDArray[Any]
Columns = dict[str, Array]

NULL = int(np.iinfo(np.int64).min)
END_OF_TIME = np.datetime64("9999-12-31T23:59:59", "s")

_DTYPES = {
    "integer": "int64",
    "bigint": "int64",
    "numeric": "int64",
    "date": "datetime64[D]",
    "timestamp": "datetime64[s]",
    "boolean": "bool",
    "varchar": "object",
    "text": "object",
    "bytea": "object",
}


def base_type(column: Column) -> str:
    """Return the Postgres type without length or precision."""
    return column.type.partition("(")[0]


def dtype(column: Column) -> np.dtype[Any]:
    """Return the numpy type that holds the column."""
    return np.dtype(_DTYPES[base_type(column)])


def scale(column: Column) -> int:
    """Return the number of units in 1: 100 for `numeric(18,2)`, 1000 for `numeric(18,3)`, else 1."""
    decimals = re.search(r",(\d+)\)", column.type)
    return int(10 ** int(decimals[1])) if decimals and base_type(column) == "numeric" else 1


def filled(table: Table, values: Mapping[str, object]) -> Columns:
    """Return all columns of `table` with the given values; a scalar fills its column, a missing one is null.

    Raises KeyError for a name that the table does not have. At least one value must be an array.
    """
    unknown = set(values) - set(table.column_names)
    if unknown:
        raise KeyError(f"{table.qualified} has no column {', '.join(sorted(unknown))}")
    rows = max(len(value) for value in values.values() if isinstance(value, (np.ndarray, list)))
    return {column.name: as_array(column, values.get(column.name), rows) for column in table.columns}


def as_array(column: Column, value: object, rows: int) -> Array:
    """Return `value`, a scalar or one value per row, as an array of the column's type."""
    kind = dtype(column)
    if isinstance(value, np.ndarray) and value.dtype == kind:
        return value
    if value is None:
        value = NULL if kind == np.int64 else value
        value = np.datetime64("NaT") if kind.kind == "M" else value
    if kind == np.int64 and isinstance(value, list):
        value = [NULL if single is None else single for single in value]
    array = np.empty(rows, kind)
    array[:] = cast(Any, value)
    return array


def to_csv(table: Table, columns: Columns) -> bytes:
    """Return rows as CSV in the table's column order; null and the empty string are distinct."""
    texts = [_to_texts(column, columns[column.name]) for column in table.columns]
    return ("\n".join(map(",".join, zip(*texts, strict=True))) + "\n").encode()


def _to_texts(column: Column, array: Array) -> list[str]:
    """Return the CSV text of each value; null is the empty text, the empty string a pair of quotes."""
    if array.dtype == np.int64:
        # the shortest text of cents / 100 is the exact decimal, within the precision of a float
        units = scale(column)
        texts = list(map(str, (array if units == 1 else array / units).tolist()))
        for row in np.flatnonzero(array == NULL).tolist():
            texts[row] = ""
        return texts
    if array.dtype.kind == "M":
        return ["" if text == "NaT" else text for text in np.datetime_as_string(array).tolist()]
    if array.dtype == bool:
        return ["t" if value else "f" for value in array.tolist()]
    if column.type == "bytea":
        return ["" if value is None else f"\\x{value.hex()}" for value in array.tolist()]
    return ["" if value is None else '"' + value.replace('"', '""') + '"' for value in array.tolist()]


def to_parameter(column: Column, array: Array) -> list[Any]:
    """Return the values as a list that psycopg sends as an array of `parameter_type`."""
    if array.dtype == np.int64:
        return [None if value == NULL else value for value in array.tolist()]
    if array.dtype.kind == "M":
        return [None if value == "NaT" else value for value in np.datetime_as_string(array).tolist()]
    return cast(list[Any], array.tolist())


def parameter_type(column: Column) -> str:
    """Return the Postgres type in which `to_parameter` sends a value; a numeric goes in units."""
    return "bigint" if base_type(column) == "numeric" else base_type(column)


def to_expression(column: Column, name: str) -> str:
    """Return SQL that turns the parameter `name` into the column's value."""
    return f"{name}::numeric / {scale(column)}" if base_type(column) == "numeric" else name


def from_expression(column: Column) -> str:
    """Return SQL that reads the column in the form that `from_rows` expects."""
    return f"({column.name} * {scale(column)})::bigint" if base_type(column) == "numeric" else column.name


def from_rows(columns: Iterable[Column], rows: list[tuple[Any, ...]]) -> Columns:
    """Return rows, read with `from_expression`, as columns."""
    series = zip(*rows, strict=True) if rows else ([] for _ in columns)
    return {
        column.name: _from_values(column, list(values))
        for column, values in zip(columns, series, strict=False)
    }


def _from_values(column: Column, values: list[Any]) -> Array:
    kind = dtype(column)
    if kind == np.int64:
        return np.array([NULL if value is None else value for value in values], dtype=kind)
    if kind.kind == "M":
        return np.array(values, dtype=kind)
    array = np.empty(len(values), kind)
    array[:] = values
    return array
