"""Every Postgres type has one exact road, or is refused by name."""

import pyarrow as pa
import pytest

from ingestion.errors import PermanentError
from ingestion.typemap import column_type, normalise


@pytest.mark.parametrize(
    ("live", "short"),
    [
        ("character varying(100)", "varchar(100)"),
        ("character varying", "varchar"),
        ("character(5)", "char(5)"),
        ("timestamp without time zone", "timestamp"),
        ("timestamp(3) without time zone", "timestamp(3)"),
        ("timestamp with time zone", "timestamptz"),
        ("numeric(18, 2)", "numeric(18,2)"),
        ("double precision", "double precision"),
        ("integer[]", "integer[]"),
        ('"Odd Type"', '"Odd Type"'),
    ],
)
def test_types_have_one_short_name(live: str, short: str) -> None:
    assert normalise(live) == short


@pytest.mark.parametrize(
    ("postgres", "bigquery", "arrow"),
    [
        ("smallint", "INT64", pa.int64()),
        ("bigint", "INT64", pa.int64()),
        ("varchar(40)", "STRING", pa.string()),
        ("jsonb", "STRING", pa.string()),
        ("boolean", "BOOL", pa.bool_()),
        ("date", "DATE", pa.date32()),
        ("timestamp without time zone", "DATETIME", pa.timestamp("us")),
        ("timestamptz", "TIMESTAMP", pa.timestamp("us", tz="UTC")),
        ("numeric(18,2)", "NUMERIC", pa.decimal128(18, 2)),
        ("numeric(5)", "NUMERIC", pa.decimal128(5, 0)),
        ("numeric", "NUMERIC", pa.decimal128(38, 9)),
        ("numeric(38,9)", "NUMERIC", pa.decimal128(38, 9)),
        ("bytea", "BYTES", pa.binary()),
    ],
)
def test_a_type_becomes(postgres: str, bigquery: str, arrow: pa.DataType) -> None:
    kind = column_type(postgres)
    assert (kind.bigquery, kind.arrow) == (bigquery, arrow)


@pytest.mark.parametrize(
    "postgres", ["integer[]", "tsrange", "money", "numeric(38,10)", "numeric(30,0)", "time"]
)
def test_a_type_that_does_not_fit_is_refused_by_name(postgres: str) -> None:
    with pytest.raises(PermanentError) as error:
        column_type(postgres)
    assert f"'{postgres}'" in str(error.value)
