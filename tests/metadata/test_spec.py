"""The classes: strict, frozen, and what they derive."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from metadata.load import load_catalog
from metadata.spec import Column


def column(**changes: Any) -> Column:
    return Column.model_validate({"name": "size", "type": "text", "description": "How big it is."} | changes)


@pytest.mark.parametrize(
    ("postgres_type", "kind"),
    [
        ("smallint", "integer"),
        ("bigint", "integer"),
        ("numeric", "numeric"),
        ("numeric(18,2)", "numeric"),
        ("double precision", "float"),
        ("varchar", "text"),
        ("varchar(8000)", "text"),
        ("jsonb", "text"),
        ("boolean", "boolean"),
        ("date", "date"),
        ("timestamp", "datetime"),
        ("timestamptz", "timestamp"),
        ("bytea", "bytes"),
    ],
)
def test_every_postgres_type_has_one_kind(postgres_type: str, kind: str) -> None:
    assert column(type=postgres_type).kind == kind


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Size"},
        {"name": "size__of"},
        {"type": "nvarchar(10)"},
        {"type": "numeric(18, 2)"},
        {"description": "no capital."},
        {"description": "No full stop"},
        {"nullable": "yes"},
        {"sensitivity": "private"},
        {"references": "sales.customers"},
        {"colour": "red"},
    ],
)
def test_a_column_in_another_style_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        column(**changes)


def test_metadata_cannot_change() -> None:
    with pytest.raises(ValidationError):
        column().name = "weight"  # type: ignore[misc]


def test_a_table_knows_its_names_and_lists(shop: Path) -> None:
    catalog = load_catalog(shop)
    baskets, buyers = catalog.table("shop.baskets"), catalog.table("shop.buyers")
    assert (baskets.qualified, baskets.raw_name, baskets.stage_name) == (
        "shop.baskets",
        "shop__baskets",
        "stg_wwi__baskets",
    )
    assert [column.name for column in buyers.loaded_columns] == [
        "buyer_id", "full_name", "discount", "edited_by",
    ]  # fmt: skip
    assert buyers.column("edited_by").description == "Who saved the row last."
    assert baskets.controls == {"amount": "amount", "tax": "round(amount * 2, 2)"}
    assert baskets.defaults == {"paid_when": "now()"}
    assert baskets.foreign_keys["gift_for_buyer_id"] == "shop.buyers.buyer_id"


def test_an_unknown_table_is_a_key_error(shop: Path) -> None:
    with pytest.raises(KeyError, match=r"shop\.bakets"):
        load_catalog(shop).table("shop.bakets")
