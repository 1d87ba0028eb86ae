"""What becomes of each Postgres type: its BigQuery type, its Arrow type, and how COPY writes its values.

Exact or refused: a type that BigQuery cannot hold without loss is named in an error, never bent. jsonb, json
and uuid travel as STRING, in the very text that Postgres gives; char(n) keeps its padding.
"""

import re
from dataclasses import dataclass

import pyarrow as pa

from ingestion.errors import PermanentError

# Postgres' long names, as format_type() writes them, and the short ones that the metadata use
_SHORT_NAMES = {
    "character varying": "varchar",
    "character": "char",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "bool": "boolean",
    "float4": "real",
    "float8": "double precision",
    "decimal": "numeric",
    "bpchar": "char",
}
_PARTS = re.compile(
    r"^(?P<name>[a-z0-9_ ]+?)(?:\((?P<arguments>[\d, ]+)\))?(?P<zone> with(?:out)? time zone)?$"
)

# BigQuery's NUMERIC: 29 digits before the point and 9 after it
NUMERIC_INTEGER_DIGITS = 29
NUMERIC_SCALE = 9


@dataclass(frozen=True)
class ColumnType:
    """The road of one value: `expression` in COPY, read from CSV as `csv`, kept in Parquet as `arrow`.

    `precision` and `scale` count decimal digits and are set for a NUMERIC that declares them.
    """

    bigquery: str
    arrow: pa.DataType
    csv: pa.DataType
    expression: str = "{}"
    precision: int | None = None
    scale: int | None = None


def _same(bigquery: str, arrow: pa.DataType) -> ColumnType:
    return ColumnType(bigquery, arrow, arrow)


_INTEGER = _same("INT64", pa.int64())
_FLOAT = _same("FLOAT64", pa.float64())
_STRING = _same("STRING", pa.string())
_PLAIN = {
    "smallint": _INTEGER,
    "integer": _INTEGER,
    "bigint": _INTEGER,
    "real": _FLOAT,
    "double precision": _FLOAT,
    "varchar": _STRING,
    "char": _STRING,
    "text": _STRING,
    "uuid": _STRING,
    "json": _STRING,
    "jsonb": _STRING,
    "boolean": _same("BOOL", pa.bool_()),
    "date": _same("DATE", pa.date32()),
    # a wall clock without a zone is BigQuery's DATETIME; one with a zone is an instant
    "timestamp": _same("DATETIME", pa.timestamp("us")),
    "timestamptz": _same("TIMESTAMP", pa.timestamp("us", tz="UTC")),
    "bytea": ColumnType("BYTES", pa.binary(), pa.string(), "encode({}, 'hex')"),
}


def normalise(postgres_type: str) -> str:
    """Return the short name of a type: "character varying(100)" is "varchar(100)".

    A type of another shape (an array, a quoted name) comes back unchanged.
    """
    parts = _PARTS.match(postgres_type.strip().lower())
    if parts is None:
        return postgres_type
    name = parts["name"] + (parts["zone"] or "")
    short = _SHORT_NAMES.get(name, name)
    arguments = parts["arguments"]
    return f"{short}({arguments.replace(' ', '')})" if arguments else short


def column_type(postgres_type: str) -> ColumnType:
    """Return the road of a Postgres type. Raises PermanentError for one that has none."""
    name, _, arguments = normalise(postgres_type).rstrip(")").partition("(")
    if name == "numeric":
        return _numeric(postgres_type, arguments)
    if name not in _PLAIN:
        raise PermanentError(
            f"Postgres type '{postgres_type}' has no BigQuery type here. Add it to ingestion/typemap.py, or "
            "cast the column in a view of the source."
        )
    return _PLAIN[name]


def _numeric(postgres_type: str, arguments: str) -> ColumnType:
    """numeric(p,s) is NUMERIC(p,s); plain numeric is NUMERIC, and a value with more digits is refused."""
    if not arguments:
        return _same("NUMERIC", pa.decimal128(38, NUMERIC_SCALE))
    precision, scale = (int(part) for part in f"{arguments},0".split(",")[:2])
    if scale > NUMERIC_SCALE or precision - scale > NUMERIC_INTEGER_DIGITS:
        raise PermanentError(
            f"Postgres type '{postgres_type}' does not fit BigQuery's NUMERIC (29 digits before the point, 9 "
            "after it). Cast the column to fewer digits in a view of the source."
        )
    kind = pa.decimal128(precision, scale)
    return ColumnType("NUMERIC", kind, kind, precision=precision, scale=scale)
