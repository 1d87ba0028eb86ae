"""Map each Postgres type to its BigQuery type, its Arrow type, and the SQL that COPY uses.

A value is either stored exactly or goes to `rejected_values` (ingestion/extract/rejected_values.py). A type
that BigQuery does not have is loaded as STRING, exactly as Postgres writes it. A type without a mapping is
an error. docs/types.md lists every type.
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

# long names of Postgres, as format_type() writes them, and the short names in the metadata
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
    """The values of a Postgres type that BigQuery can hold.

    `text`: regular expression (RE2) that matches exactly their texts. `sql`: the same as a Postgres
    condition, with the column for `{}`. `description`: the same in words.
    """

    text: str
    sql: str
    description: str


@dataclass(frozen=True)
class ColumnType:
    """The mapping of a type: `expression` in COPY, type `csv` when read from CSV, type `arrow` in Parquet.

    `precision` and `scale` are decimal digits, set for a NUMERIC that declares them. `limits`: None when
    BigQuery can hold every value of the Postgres type.
    """

    bigquery: str
    arrow: pa.DataType
    csv: pa.DataType
    expression: str = "{}"
    precision: int | None = None
    scale: int | None = None
    limits: Limits | None = None

    @property
    def castable_expression(self) -> str:
        """Return Postgres SQL, with the column for `{}`: the value if BigQuery can hold it, else null."""
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
# read as text: Arrow's CSV reader does not check decimals with this many digits
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
TYPE_MAPPINGS = {
    "smallint": _INTEGER,
    "integer": _INTEGER,
    "bigint": _INTEGER,
    "oid": _INTEGER,
    "numeric": _PLAIN_NUMERIC,
    # the text of money depends on lc_monetary; a numeric does not
    "money": ColumnType(
        "NUMERIC", pa.decimal128(38, NUMERIC_SCALE), pa.decimal128(38, NUMERIC_SCALE), "{}::numeric"
    ),
    # read as 4 bytes, stored as 8: the shortest text of a real is not its exact value
    "real": ColumnType("FLOAT64", pa.float64(), pa.float32()),
    "double precision": _same("FLOAT64", pa.float64()),
    "boolean": _same("BOOL", pa.bool_()),
    "date": _same(
        "DATE",
        pa.date32(),
        Limits(f"^{_DATE}$", "{} between '0001-01-01' and '9999-12-31'", "0001-01-01 to 9999-12-31"),
    ),
    # without a zone: DATETIME; with a zone: TIMESTAMP, an instant
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
    # JSON keeps the field names
    "composite": ColumnType("STRING", pa.string(), pa.string(), "to_json({})::text"),
    **dict.fromkeys(TEXT_TYPES, _STRING),
}
# JSON keeps null elements and nested arrays, which BigQuery's ARRAY does not. It loses bounds that do not
# start at 1, so such an array is loaded as Postgres writes it, '[0:1]={7,8}', which is not JSON.
_ARRAY = ColumnType(
    "STRING",
    pa.string(),
    pa.string(),
    r"case when array_dims({}) ~ '\[(?!1:)' then {}::text else to_json({})::text end",
)
_AS_TEXT = ColumnType("STRING", pa.string(), pa.string(), "{}::text")


def normalise(postgres_type: str) -> str:
    """Return the short name of a type: "varchar(100)" for "character varying(100)".

    A name that is not understood (a quoted one) is returned unchanged.
    """
    if postgres_type.endswith("[]"):
        return f"{normalise(postgres_type[:-2])}[]"
    if postgres_type.endswith(AS_TEXT):
        return normalise(postgres_type.removesuffix(AS_TEXT)) + AS_TEXT
    parts = _PARTS.match(postgres_type.strip().lower())
    if parts is None:
        return postgres_type
    name = parts["name"] + (parts["zone"] or "")
    if name.startswith("interval "):  # interval day to second: the omitted fields are zero
        return "interval"
    short = _SHORT_NAMES.get(name, name)
    arguments = parts["arguments"]
    return f"{short}({arguments.replace(' ', '')})" if arguments else short


def column_type(postgres_type: str) -> ColumnType:
    """Return the mapping of a Postgres type, as the metadata or ingestion/source/catalog.py write it.

    Raises PermanentError for a type without a mapping.
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
    if bare not in TYPE_MAPPINGS:
        raise PermanentError(
            f"Postgres type '{postgres_type}' is not mapped to a BigQuery type. Write "
            f"`type: {postgres_type}{AS_TEXT}` in the metadata to load its text, or add it to "
            "warehouse/type_mappings.py."
        )
    return TYPE_MAPPINGS[bare]


def _numeric(precision: int, scale: int) -> ColumnType:
    """Return NUMERIC(p,s), or STRING with all digits if NUMERIC cannot hold them.

    Not BIGNUMERIC: the emulator cannot create such a column.
    """
    if not fits_numeric(precision, scale):
        return _STRING
    kind = pa.decimal128(precision, scale)
    limits = Limits(_decimal_text(precision - scale, scale), "{} <> 'NaN'", "no NaN")
    return ColumnType("NUMERIC", kind, kind, precision=precision, scale=scale, limits=limits)
