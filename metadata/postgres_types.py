"""The Postgres types that metadata may name, and the kind of value that each becomes in the warehouse.

A column has the type that `format_type()` shows, but for types that the source made itself: a domain is its
base type, and an enum, a composite type or a range is called `enum`, `composite`, `range` or `multirange`.
`<type> as text` loads what Postgres shows of a value.
"""

import re
from typing import Literal

Kind = Literal[
    "text", "integer", "numeric", "float", "boolean", "date", "datetime", "timestamp", "time", "bytes"
]

# BigQuery's NUMERIC: 29 digits before the point and 9 after it
NUMERIC_INTEGER_DIGITS = 29
NUMERIC_SCALE = 9

AS_TEXT = " as text"

# Types whose values are text in the warehouse, in the very form that Postgres shows. Those with digits or
# words in brackets (varchar(40), geometry(Point,4326)) are listed by their bare name.
TEXT_TYPES = {
    "varchar": "",
    "char": "keeps its padding",
    "text": "",
    "name": "",
    '"char"': "one byte",
    "citext": "upper and lower case as written",
    "uuid": "",
    "json": "the text as it was stored: spaces, order and repeated keys",
    "jsonb": "numbers keep all digits, also those that no float has",
    "xml": "",
    "enum": "the label",
    "interval": "ISO 8601: P1Y2M3DT4H5M6.7S",
    "timetz": "BigQuery's TIME has no zone",
    "inet": "",
    "cidr": "",
    "macaddr": "",
    "macaddr8": "",
    "bit": "0 and 1",
    "varbit": "0 and 1",
    "tsvector": "",
    "tsquery": "",
    "hstore": "",
    "ltree": "",
    "point": "",
    "line": "",
    "lseg": "",
    "box": "",
    "path": "",
    "polygon": "",
    "circle": "",
    "geometry": "PostGIS: EWKB in hexadecimal, exact",
    "geography": "PostGIS: EWKB in hexadecimal, exact",
    "int4range": "",
    "int8range": "",
    "numrange": "",
    "tsrange": "",
    "tstzrange": "in UTC",
    "daterange": "",
    "range": "a range type of the source's own",
    "int4multirange": "",
    "int8multirange": "",
    "nummultirange": "",
    "tsmultirange": "",
    "tstzmultirange": "in UTC",
    "datemultirange": "",
    "multirange": "a multirange type of the source's own",
    "pg_lsn": "",
    "jsonpath": "",
    "regclass": "the name",
}

_NUMERIC = re.compile(r"^numeric\((?P<precision>\d+)(,(?P<scale>-?\d+))?\)$")
_KINDS: dict[str, Kind] = {
    r"smallint|integer|bigint|oid": "integer",
    r"numeric(\(\d+(,-?\d+)?\))?|money": "numeric",
    r"real|double precision": "float",
    r"boolean": "boolean",
    r"date": "date",
    r"timestamp(\(\d\))?": "datetime",
    r"timestamptz(\(\d\))?": "timestamp",
    r"time(\(\d\))?": "time",
    r"bytea": "bytes",
    rf"({'|'.join(map(re.escape, TEXT_TYPES))})(\([A-Za-z0-9, ]+\))?": "text",
    r"composite|[a-z0-9_ ,()]+(\[\])+": "text",
    rf"[A-Za-z0-9_\"., ()\[\]-]+{AS_TEXT}": "text",
}
PATTERN = "^(" + "|".join(_KINDS) + ")$"


def kind_of(postgres_type: str) -> Kind:
    """Return the kind of a type, as the vault's `encode` macros name it. ValueError for none that we know."""
    for pattern, kind in _KINDS.items():
        if re.fullmatch(pattern, postgres_type):
            digits = numeric_digits(postgres_type)
            return "text" if digits and not fits_numeric(*digits) else kind
    raise ValueError(postgres_type)


def numeric_digits(postgres_type: str) -> tuple[int, int] | None:
    """Return digits in all and after the point of a numeric that declares them, as BigQuery counts them.

    numeric(5,-2) has 7 digits and none after the point, numeric(3,5) has 5 and 5.
    """
    found = _NUMERIC.match(postgres_type)
    if found is None:
        return None
    precision, scale = int(found["precision"]), int(found["scale"] or 0)
    return max(precision - min(scale, 0), scale), max(scale, 0)


def fits_numeric(precision: int, scale: int) -> bool:
    """Tell whether BigQuery's NUMERIC holds every value of so many digits."""
    return scale <= NUMERIC_SCALE and precision - scale <= NUMERIC_INTEGER_DIGITS
