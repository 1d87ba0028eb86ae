"""A dimension has exactly one version for every change of its attributes, whatever their origin."""

from typing import Any

import pytest

from tests.marts import renamed
from tests.marts.business import Business

pytestmark = [pytest.mark.services, pytest.mark.end_to_end]

Version = tuple[int, bool, dict[str, Any]]  # its load, whether the row is deleted, attributes


def expected(business: Business, dimension: str) -> dict[int, list[Version]]:
    """Return the versions of each member from the source's answers. A deleted member keeps its last state."""
    found: dict[int, list[Version]] = {}
    for load, result in enumerate(business.results, start=1):
        members = result.members[dimension]
        for member, attributes in members.items():
            versions = found.setdefault(member, [])
            if not versions or versions[-1][1:] != (False, attributes):
                versions.append((load, False, attributes))
        for member, versions in found.items():
            if member not in members and not versions[-1][1]:
                versions.append((load, True, versions[-1][2]))
    return found


@pytest.mark.parametrize("dimension", renamed.SHOWN)
def test_only_changes_of_attributes_add_versions(business: Business, dimension: str) -> None:
    wanted = expected(business, dimension)
    member = next(iter(business.results[0].members[dimension].values()))
    key = next(iter(member))
    rows = business.ask(
        f"select lineage_key, is_deleted, {', '.join(member)} from {{m}}.{dimension} "
        f"where {key} != 0 order by {key}, valid_from"
    )
    found: dict[int, list[Version]] = {}
    for row in rows:
        attributes = {name: row[name] for name in member}
        found.setdefault(row[key], []).append((row["lineage_key"], row["is_deleted"], attributes))
    assert found == wanted
    assert any(version[0] == 2 for versions in found.values() for version in versions), "nothing was renamed"


@pytest.mark.parametrize(
    ("dimension", "member", "attribute", "ending"),
    [
        ("dim_stock_item", "wwi_stock_item_id", "color", "Black, Ink, Black"),
        ("dim_stock_item", "wwi_stock_item_id", "selling_package", "Packet, Parcel"),
        ("dim_customer_unmasked", "wwi_customer_id", "primary_contact", ", Ada Once, Ada Thrice"),
        (
            "dim_customer_unmasked",
            "wwi_customer_id",
            "bill_to_customer",
            "(Head Office), Renamed Ltd (Head Office)",
        ),
        ("dim_supplier_unmasked", "wwi_supplier_id", "primary_contact", ", Bea Supplies"),
    ],
)
def test_a_rename_adds_versions_in_every_dimension_that_shows_it(
    business: Business, dimension: str, member: str, attribute: str, ending: str
) -> None:
    """Renames of a colour and back, of a contact twice within one batch, and others."""
    rows = business.ask(
        f"select string_agg({attribute}, ', ' order by valid_from) as names from {{m}}.{dimension} "
        f"group by {member}"
    )
    assert any(row["names"].endswith(ending) for row in rows)
