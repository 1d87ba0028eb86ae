"""Postgres types allowed in metadata, and the kind of warehouse value for each.

A column has the type that `format_type()` returns, except for user-defined types: use the base type of a
domain, and `enum`, `composite`, `range` or `multirange` for the others. `<type> as text` loads the text
output of any type.
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

# Types that are loaded as text, in the output format of Postgres. Types with modifiers in brackets
# (varchar(40), geometry(Point,4326)) are listed by their bare name.
TEXT_TYPES = {
    "varchar": "",
    "char": "keeps its padding",
    "text": "",
    "name": "",
    '"char"': "one byte",
    "citext": "upper and lower case are kept",
    "uuid": "",
    "json": "the text as it was stored: spaces, order and repeated keys",
    "jsonb": "numbers keep all digits, even beyond float precision",
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
    """Return the kind of a type, as used by the vault's `encode` macros. Raises ValueError if unknown."""
    for pattern, kind in _KINDS.items():
        if re.fullmatch(pattern, postgres_type):
            digits = numeric_digits(postgres_type)
            return "text" if digits and not fits_numeric(*digits) else kind
    raise ValueError(postgres_type)


def numeric_digits(postgres_type: str) -> tuple[int, int] | None:
    """Return BigQuery's precision and scale of a numeric type that declares them, else None.

    numeric(5,-2) has precision 7 and scale 0, numeric(3,5) has 5 and 5.
    """
    found = _NUMERIC.match(postgres_type)
    if found is None:
        return None
    precision, scale = int(found["precision"]), int(found["scale"] or 0)
    return max(precision - min(scale, 0), scale), max(scale, 0)


def fits_numeric(precision: int, scale: int) -> bool:
    """Return whether every value of this precision and scale fits BigQuery's NUMERIC."""
    return scale <= NUMERIC_SCALE and precision - scale <= NUMERIC_INTEGER_DIGITS
