"""What becomes of each Postgres type: its BigQuery type, its Arrow type, and how COPY writes its values.

Exact, kept apart or refused: a value comes back from BigQuery as it was, or goes to `rejected_values`
(ingestion/extract/rejected_values.py); an error names a type that has no mapping. A value that BigQuery has
no type for is loaded as STRING, exactly as Postgres writes it. docs/types.md lists every type.
"""

import re
from dataclasses import dataclass

import pyarrow as pa

from config.errors import PermanentError
from metadata.postgres_types import (
    AS_TEXT,
    NUMERIC_INTEGER_DIGITS,
    NUMERIC_SCALE,
    TEXT_TYPES,
    fits_numeric,
    numeric_digits,
)

# Postgres' long names, as format_type() writes them, and the short ones that the metadata use
_SHORT_NAMES = {
    "character varying": "varchar",
    "character": "char",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "time without time zone": "time",
    "time with time zone": "timetz",
    "bit varying": "varbit",
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
    r"^(?P<name>[a-z0-9_ ]+?)(?:\((?P<arguments>-?\d[\d, -]*)\))?(?P<zone> with(?:out)? time zone)?$"
)


@dataclass(frozen=True)
class Limits:
    """Which values of a Postgres type BigQuery can hold.

    `text` is a regular expression (RE2) that exactly their texts match, `sql` the same as a condition in
    Postgres with the column for `{}`, `says` what a person is told.
    """

    text: str
    sql: str
    says: str


@dataclass(frozen=True)
class ColumnType:
    """The road of one value: `expression` in COPY, read from CSV as `csv`, kept in Parquet as `arrow`.

    `precision` and `scale` count decimal digits and are set for a NUMERIC that declares them. `limits`: None
    when BigQuery holds every value of the Postgres type.
    """

    bigquery: str
    arrow: pa.DataType
    csv: pa.DataType
    expression: str = "{}"
    precision: int | None = None
    scale: int | None = None
    limits: Limits | None = None

    @property
    def held(self) -> str:
        """SQL of the source, with the column for `{}`: the value if BigQuery can hold it, else null."""
        value = self.expression if self.bigquery == "NUMERIC" else "{}"
        return f"case when {self.limits.sql} then {value} end" if self.limits else value


def _same(bigquery: str, arrow: pa.DataType, limits: Limits | None = None) -> ColumnType:
    return ColumnType(bigquery, arrow, arrow, limits=limits)


def _decimal_text(integer_digits: int, scale: int) -> str:
    before = rf"(0|\d{{1,{integer_digits}}})" if integer_digits else "0"
    return rf"^-?{before}(\.\d{{0,{scale}}}0*)?$"


_DATE = r"\d{4}-\d\d-\d\d"
_TIME = r"([01]\d|2[0-3]):\d\d:\d\d(\.\d+)?"
_INTEGER = _same("INT64", pa.int64())
_STRING = _same("STRING", pa.string())
# the text of a plain numeric can be longer than Arrow's CSV reader checks: it must not make a decimal of it
_PLAIN_NUMERIC = ColumnType(
    "NUMERIC",
    pa.decimal128(NUMERIC_INTEGER_DIGITS + NUMERIC_SCALE, NUMERIC_SCALE),
    pa.string(),
    limits=Limits(
        _decimal_text(NUMERIC_INTEGER_DIGITS, NUMERIC_SCALE),
        f"abs({{}}) < 1e{NUMERIC_INTEGER_DIGITS} and round({{}}, {NUMERIC_SCALE}) = {{}}",
        f"no NaN, no infinity, {NUMERIC_INTEGER_DIGITS} digits before the point and {NUMERIC_SCALE} after it",
    ),
)
ROADS = {
    "smallint": _INTEGER,
    "integer": _INTEGER,
    "bigint": _INTEGER,
    "oid": _INTEGER,
    "numeric": _PLAIN_NUMERIC,
    # its text depends on the server's lc_monetary; a numeric does not
    "money": ColumnType(
        "NUMERIC", pa.decimal128(38, NUMERIC_SCALE), pa.decimal128(38, NUMERIC_SCALE), "{}::numeric"
    ),
    # read as 4 bytes, kept as 8: the very number, which the shortest text of a real is not
    "real": ColumnType("FLOAT64", pa.float64(), pa.float32()),
    "double precision": _same("FLOAT64", pa.float64()),
    "boolean": _same("BOOL", pa.bool_()),
    "date": _same(
        "DATE",
        pa.date32(),
        Limits(f"^{_DATE}$", "{} between '0001-01-01' and '9999-12-31'", "0001-01-01 to 9999-12-31"),
    ),
    # a wall clock without a zone is BigQuery's DATETIME; one with a zone is an instant
    "timestamp": _same(
        "DATETIME",
        pa.timestamp("us"),
        Limits(
            f"^{_DATE} {_TIME}$",
            "{} between '0001-01-01' and '9999-12-31 23:59:59.999999'",
            "0001-01-01 to the end of 9999-12-31",
        ),
    ),
    "timestamptz": _same(
        "TIMESTAMP",
        pa.timestamp("us", tz="UTC"),
        Limits(
            rf"^{_DATE} {_TIME}\+00$",
            "{} between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999999+00'",
            "0001-01-01 to the end of 9999-12-31, in UTC",
        ),
    ),
    "time": _same(
        "TIME", pa.time64("us"), Limits(f"^{_TIME}$", "{} < '24:00'", "00:00:00 to 23:59:59.999999")
    ),
    "bytea": ColumnType("BYTES", pa.binary(), pa.string(), "encode({}, 'hex')"),
    # JSON says a row's column names
    "composite": ColumnType("STRING", pa.string(), pa.string(), "to_json({})::text"),
    **dict.fromkeys(TEXT_TYPES, _STRING),
}
# JSON keeps null elements and nested arrays, which BigQuery's ARRAY does not. It does not keep bounds that do
# not begin at 1: such an array comes as Postgres writes it, '[0:1]={7,8}', which is no JSON.
_ARRAY = ColumnType(
    "STRING",
    pa.string(),
    pa.string(),
    r"case when array_dims({}) ~ '\[(?!1:)' then {}::text else to_json({})::text end",
)
_AS_TEXT = ColumnType("STRING", pa.string(), pa.string(), "{}::text")


def normalise(postgres_type: str) -> str:
    """Return the short name of a type: "character varying(100)" is "varchar(100)".

    A type of another shape (a quoted name) comes back unchanged.
    """
    if postgres_type.endswith("[]"):
        return f"{normalise(postgres_type[:-2])}[]"
    if postgres_type.endswith(AS_TEXT):
        return normalise(postgres_type.removesuffix(AS_TEXT)) + AS_TEXT
    parts = _PARTS.match(postgres_type.strip().lower())
    if parts is None:
        return postgres_type
    name = parts["name"] + (parts["zone"] or "")
    if name.startswith("interval "):  # interval day to second: what it leaves out is zero
        return "interval"
    short = _SHORT_NAMES.get(name, name)
    arguments = parts["arguments"]
    return f"{short}({arguments.replace(' ', '')})" if arguments else short


def column_type(postgres_type: str) -> ColumnType:
    """Return the road of a Postgres type, as metadata or source_catalog.live_tables() write it.

    Raises PermanentError for a type that has none.
    """
    name = normalise(postgres_type)
    if name.endswith(AS_TEXT):
        return _AS_TEXT
    if name.endswith("[]"):
        column_type(name[:-2])
        return _ARRAY
    digits = numeric_digits(name)
    if digits:
        return _numeric(*digits)
    bare = name.partition("(")[0]
    if bare not in ROADS:
        raise PermanentError(
            f"Postgres type '{postgres_type}' has no BigQuery type here. Write "
            f"`type: {postgres_type}{AS_TEXT}` in the metadata to load what Postgres shows of it, or add it "
            "to warehouse/type_mappings.py."
        )
    return ROADS[bare]


def _numeric(precision: int, scale: int) -> ColumnType:
    """numeric(p,s) is NUMERIC(p,s), or text in all its digits where NUMERIC holds fewer.

    Not BIGNUMERIC: the emulator cannot make such a column.
    """
    if not fits_numeric(precision, scale):
        return _STRING
    kind = pa.decimal128(precision, scale)
    limits = Limits(_decimal_text(precision - scale, scale), "{} <> 'NaN'", "no NaN")
    return ColumnType("NUMERIC", kind, kind, precision=precision, scale=scale, limits=limits)
