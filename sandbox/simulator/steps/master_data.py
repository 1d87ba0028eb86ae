"""The master data changes of the original (business_rules.md, section 13), each on its date.

A simulation that starts later makes all earlier changes on its first day.
"""

from collections.abc import Callable
from datetime import date

import numpy as np

from sandbox.simulator.documents import compact
from sandbox.simulator.seeding import catalogue
from sandbox.simulator.seeding.people import PREFERENCES
from sandbox.simulator.sheet import Sheet
from sandbox.simulator.world import StepContext, World

Change = Callable[[World, StepContext], None]


def change_master_data(world: World, context: StepContext) -> dict[str, int]:
    """Make the changes that are due today."""
    first = context.day == world.first_day
    due = [change for day, change in CHANGES if day == context.day or (first and day < context.day)]
    for change in due:
        change(world, context)
    return {"master data changes": len(due)}


def grow(world: World, context: StepContext) -> dict[str, int]:
    """On July 1, raise some populations by 4 percent and some credit limits by 5; rows can repeat."""
    for sheet in (world.cities, world.state_provinces, world.countries):
        _grow(sheet, "latest_recorded_population", 104, context)
    _grow(world.customers, "credit_limit", 105, context)
    return {"yearly growth": 1}


def _grow(sheet: Sheet, column: str, percent: int, context: StepContext) -> None:
    known = np.flatnonzero(sheet[column] > 0)
    for _ in range(int(context.rng.integers(1, 20, endpoint=True))):
        row = context.rng.choice(known, 1)
        sheet.set(row, **{column: sheet[column][row] * percent // 100}, last_edited_by=context.editor)


def _rename(table: str, key: int, name: str) -> Change:
    def change(world: World, context: StepContext) -> None:
        column = world.catalog.table(table).primary_key[0]
        values = {
            column: np.array([key]),
            f"{column.removesuffix('_id')}_name": np.array([name], dtype=object),
            "last_edited_by": np.array([context.editor]),
        }
        world.patch(table, values)

    return change


def _add(table: str, key: int, name: str, editor: int | None = None) -> Change:
    """Add a code under its final name: the original renames it minutes later, within the same day."""

    def change(world: World, context: StepContext) -> None:
        column = world.catalog.table(table).primary_key[0]
        name_column = f"{column.removesuffix('_id')}_name"
        world.insert(
            table, **{column: np.array([key]), name_column: name, "last_edited_by": editor or context.editor}
        )

    return change


def _add_and_delete(table: str, key: int, name: str) -> Change:
    def change(world: World, context: StepContext) -> None:
        _add(table, key, name)(world, context)
        world.delete(table, np.array([key]))

    return change


def _add_first_deals(world: World, context: StepContext) -> None:
    """Add the two deals of the original; buying groups and stock group by id."""
    stamp = {**context.stamp, "last_edited_by": 2}
    world.special_deals.append(
        special_deal_id=world.take_ids("special_deal", 2),
        buying_group_id=[2, 1],
        stock_group_id=7,
        deal_description=["10% 1st qtr USB Wingtip", "15% 2nd qtr USB Tailspin"],
        start_date=np.array(["2016-01-01", "2016-04-01"], dtype="datetime64[D]"),
        end_date=np.array(["2016-03-31", "2016-06-30"], dtype="datetime64[D]"),
        discount_percentage=[10_000, 15_000],
        **stamp,
    )


def _add_chilled(first: int, last: int) -> Change:
    def change(world: World, context: StepContext) -> None:
        items = catalogue.Catalogue(first, last)
        world.stock_items.append(**catalogue.stock_items(items, context.editor))
        holdings = catalogue.holdings(items, world.parameters.scale, context.rng, context.stamp)
        world.stock_item_holdings.append(**holdings)
        item_ids, groups = catalogue.memberships(items)
        world.stock_item_stock_groups.append(
            stock_item_stock_group_id=world.take_ids("membership", len(item_ids)),
            stock_item_id=item_ids,
            stock_group_id=groups,
            **context.stamp,
        )

    return change


def _describe(world: World, context: StepContext) -> None:
    """Give items custom fields and tags, employees theirs, and those who can log on their preferences."""
    items, people, rng = world.stock_items, world.people, context.rng
    fields = [
        catalogue.custom_fields(name, size, item)
        for name, size, item in zip(
            items["stock_item_name"], items["size"], items["stock_item_id"].tolist(), strict=True
        )
    ]
    tags = [compact(field["Tags"]) for field in fields]
    items.set(np.arange(len(items)), custom_fields=[compact(field) for field in fields], tags=tags)
    territories = sorted(set(world.state_provinces["sales_territory"]))
    for row in np.flatnonzero(people["is_employee"]).tolist():
        profile = _profile(rng, territories, sells=bool(people["is_salesperson"][row]))
        languages = compact(profile["OtherLanguages"])
        people.set(np.array([row]), custom_fields=compact(profile), other_languages=languages)
    people.set(np.flatnonzero(people["is_permitted_to_logon"]), user_preferences=_later_preferences())


def _profile(rng: np.random.Generator, territories: list[str], *, sells: bool) -> dict[str, object]:
    """Return the custom fields of an employee."""
    languages = ("Dutch", "Finnish", "Greek", "Polish", "Română", "Slovak", "Türkçe")
    spoken = rng.choice(languages, int(rng.integers(0, 3, endpoint=True)), replace=False).tolist()
    hired = np.datetime64("2013-01-01") - int(rng.integers(101, 2100, endpoint=True))
    titles = (
        ("General Manager", 5),
        ("Manager", 10),
        ("Accounts Controller", 15),
        ("Warehouse Supervisor", 20),
    )
    title = next((name for name, percent in titles if rng.random() * 100 < percent), "Team Member")
    profile: dict[str, object] = {"OtherLanguages": spoken, "HireDate": f"{hired}T00:00:00", "Title": title}
    if sells:
        profile["PrimarySalesTerritory"] = str(rng.choice(territories))
        profile["CommissionRate"] = f"{rng.integers(0, 501) / 100:.2f}"
    return profile


def _later_preferences() -> str:
    return PREFERENCES.replace('"plain"', '"dark"')


CHANGES: tuple[tuple[date, Change], ...] = (
    (date(2014, 1, 1), _add("sales.customer_categories", 8, "General Retailer", editor=1)),
    (date(2015, 1, 1), _rename("application.delivery_methods", 5, "Chilled Van")),
    (date(2015, 1, 1), _rename("purchasing.supplier_categories", 6, "Courier Services Supplier")),
    (date(2015, 12, 31), _add_first_deals),
    (date(2016, 1, 1), _rename("application.payment_methods", 3, "Credit-Card")),
    (date(2016, 1, 1), _add("application.transaction_types", 13, "Customer Contra")),
    (date(2016, 1, 1), _rename("warehouse.colors", 12, "Steel Gray")),
    (date(2016, 1, 1), _add_and_delete("warehouse.package_types", 15, "Bin")),
    (date(2016, 1, 1), _rename("warehouse.stock_groups", 8, "Furry Footwear")),
    (date(2016, 1, 1), _add_chilled(220, 221)),
    (date(2016, 1, 2), _add_chilled(222, 223)),
    (date(2016, 1, 4), _add_chilled(224, 225)),
    (date(2016, 1, 5), _add_chilled(226, 227)),
    (date(2016, 5, 31), _describe),
)
