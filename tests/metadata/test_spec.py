"""The metadata classes are strict and frozen, and derive names and controls."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from metadata.load import load_catalog
from metadata.spec import Column, Lookup


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
def test_an_invalid_column_is_rejected(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        column(**changes)


def test_metadata_cannot_change() -> None:
    with pytest.raises(ValidationError):
        column().name = "weight"  # type: ignore[misc]


def test_a_table_has_its_names_and_lists(shop: Path) -> None:
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


def test_controls_can_look_up_columns_of_the_rows_that_foreign_keys_refer_to(
    shop: Path, edit: Callable[[str, str, str], None]
) -> None:
    file, key = "tables/shop/visits.yml", "primary_key: [visit_id]"
    edit(file, key, f"{key}\ncontrol_day: came_when\ncomputed_controls: {{rebate: 0.5 * buyer_id.discount}}")
    file, key = "tables/shop/buyer_balances.yml", "primary_key: [buyer_id]"
    edit("tables/shop/buyers.yml", "{type: 'numeric(5,2)', desc", "{type: date, desc")
    edit(file, key, f"{key}\ncontrol_day: buyer_id.discount")
    catalog = load_catalog(shop)
    visits, balances = catalog.table("shop.visits"), catalog.table("shop.buyer_balances")
    buyers = catalog.table("shop.buyers")
    assert (
        catalog.lookups(visits) == catalog.lookups(balances) == (Lookup("buyer_id", buyers, ("discount",)),)
    )
    assert visits.controls == {"rebate": "0.5 * buyer_id__discount"}
    assert (visits.day, balances.day) == ("came_when", "buyer_id__discount")
    assert visits.looked_up_controls == ("rebate",)
    assert visits.control_columns == {"buyer_id", "came_when"}
    assert balances.control_columns == {"buyer_id", "owed"}


def test_an_unknown_table_is_a_key_error(shop: Path) -> None:
    with pytest.raises(KeyError, match=r"shop\.bakets"):
        load_catalog(shop).table("shop.bakets")
