"""A dimension has a version for every change of what it shows, whatever its origin, and no other version."""

from typing import Any

import pytest

from tests.marts import renamed
from tests.marts.business import Business

pytestmark = [pytest.mark.services, pytest.mark.end_to_end]

Version = tuple[int, bool, dict[str, Any]]  # the load that brought it, whether the row is gone, attributes


def expected(business: Business, dimension: str) -> dict[int, list[Version]]:
    """The versions of each member, by what the source said at each load. Who is gone keeps the last state."""
    found: dict[int, list[Version]] = {}
    for load, told in enumerate(business.told, start=1):
        members = told.members[dimension]
        for member, attributes in members.items():
            versions = found.setdefault(member, [])
            if not versions or versions[-1][1:] != (False, attributes):
                versions.append((load, False, attributes))
        for member, versions in found.items():
            if member not in members and not versions[-1][1]:
                versions.append((load, True, versions[-1][2]))
    return found


@pytest.mark.parametrize("dimension", renamed.SHOWN)
def test_each_change_of_what_is_shown_starts_a_version_and_nothing_else_does(
    business: Business, dimension: str
) -> None:
    wanted = expected(business, dimension)
    member = next(iter(business.told[0].members[dimension].values()))
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


def test_a_rename_is_a_version_of_all_that_show_the_name(business: Business) -> None:
    """Of things that nothing else changed: a colour and back, a head office, and a contact renamed twice."""
    told = "select {0} as name, lineage_key from {{m}}.{1} where {2} order by {3}, valid_from"
    colours = business.ask(told.format("color", "dim_stock_item", "wwi_stock_item_id = 22", "valid_from"))
    assert [(row["name"], row["lineage_key"]) for row in colours] == [("Black", 1), ("Ink", 2), ("Black", 3)]
    offices = business.ask(
        told.format("bill_to_customer", "dim_customer_unmasked", "wwi_customer_id = 15", "valid_from")
    )
    assert [row["name"] for row in offices][-1] == "Twelve Ltd (Head Office)"
    names = "primary_contact like 'Ada %'"
    contacts = business.ask(told.format("primary_contact", "dim_customer_unmasked", names, "valid_from"))
    assert [(row["name"], row["lineage_key"]) for row in contacts] == [("Ada Once", 2), ("Ada Thrice", 3)]
