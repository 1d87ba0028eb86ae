"""Test that every Postgres type has an exact mapping or is refused with its name."""

from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import ValidationError

from cli.reference import types
from config.errors import PermanentError
from metadata.postgres_types import TEXT_TYPES
from metadata.spec import Column
from tests.ingestion.type_cases import CASES
from warehouse import type_mappings
from warehouse.type_mappings import column_type, normalise

# BigQuery type -> type in the vault's macro `encode`
KINDS = {
    "STRING": "text", "INT64": "integer", "NUMERIC": "numeric", "FLOAT64": "float", "BOOL": "boolean",
    "DATE": "date", "DATETIME": "datetime", "TIMESTAMP": "timestamp", "TIME": "time", "BYTES": "bytes",
}  # fmt: skip


def column(kind: str) -> Column:
    return Column(name="a", type=kind, description="A column of the tests.")


@pytest.mark.parametrize(
    ("live", "short"),
    [
        ("character varying(100)", "varchar(100)"),
        ("character varying", "varchar"),
        ("character(5)", "char(5)"),
        ("character varying(9)[]", "varchar(9)[]"),
        ("bit varying(70)", "varbit(70)"),
        ("timestamp without time zone", "timestamp"),
        ("timestamp(3) without time zone", "timestamp(3)"),
        ("timestamp with time zone", "timestamptz"),
        ("time(3) with time zone", "timetz(3)"),
        ("interval day to second(3)", "interval"),
        ("numeric(18, 2)", "numeric(18,2)"),
        ("numeric(5,-2)", "numeric(5,-2)"),
        ("double precision", "double precision"),
        ("integer[]", "integer[]"),
        ("geometry(Point,4326)", "geometry(Point,4326)"),
        ("character varying(3) as text", "varchar(3) as text"),
        ('"Odd Type"', '"Odd Type"'),
    ],
)
def test_types_have_one_short_name(live: str, short: str) -> None:
    assert normalise(live) == short


@pytest.mark.parametrize(
    ("postgres", "bigquery", "arrow"),
    [
        ("varchar(40)", "STRING", pa.string()),
        ("timestamp without time zone", "DATETIME", pa.timestamp("us")),
        ("timestamptz(3)", "TIMESTAMP", pa.timestamp("us", tz="UTC")),
        ("time without time zone", "TIME", pa.time64("us")),
        ("numeric(18,2)", "NUMERIC", pa.decimal128(18, 2)),
        ("numeric(5)", "NUMERIC", pa.decimal128(5, 0)),
        ("numeric(5,-2)", "NUMERIC", pa.decimal128(7, 0)),
        ("numeric(3,5)", "NUMERIC", pa.decimal128(5, 5)),
        ("numeric(29,0)", "NUMERIC", pa.decimal128(29, 0)),
        ("numeric(30,0)", "STRING", pa.string()),
        ("numeric(10,10)", "STRING", pa.string()),
        ("numeric", "NUMERIC", pa.decimal128(38, 9)),
        ("geometry(Point,4326)", "STRING", pa.string()),
        ("no_such_type as text", "STRING", pa.string()),
    ],
)
def test_a_postgres_type_has_its_target_type(postgres: str, bigquery: str, arrow: pa.DataType) -> None:
    kind = column_type(postgres)
    assert (kind.bigquery, kind.arrow) == (bigquery, arrow)


@pytest.mark.parametrize("postgres", ["xid8", "xid8[]", '"Odd Type"', "int2vector"])
def test_a_type_without_mapping_is_refused_with_a_workaround(postgres: str) -> None:
    with pytest.raises(PermanentError) as error:
        column_type(postgres)
    element = postgres.removesuffix("[]")
    assert f"'{element}'" in str(error.value)
    assert f"`type: {element} as text`" in str(error.value)
    assert column(f"{element} as text").kind == "text"


def test_metadata_reject_a_type_without_mapping() -> None:
    with pytest.raises(ValidationError):
        column("xid8")


@pytest.mark.parametrize(
    "name", sorted({*TEXT_TYPES, *type_mappings.TYPE_MAPPINGS, *(case.known for case in CASES)})
)
def test_the_vault_keeps_the_type_of_raw(name: str) -> None:
    assert column(name).kind == KINDS[column_type(name).bigquery]


def test_the_matrix_has_every_type_mapping() -> None:
    proven = {case.known.partition("(")[0] for case in CASES}
    assert set(type_mappings.TYPE_MAPPINGS) - set(TEXT_TYPES) <= proven


def test_the_types_page_is_current(project_root: Path) -> None:
    found = (project_root / "docs" / "types.md").read_text()
    assert found == types.page(), "run `make generate`"
    assert all(f"`{name.partition('(')[0]}" in found for name in type_mappings.TYPE_MAPPINGS)
