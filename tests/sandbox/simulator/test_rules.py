"""Test rules of the simulator that need no database."""

from collections import Counter
from datetime import date, timedelta

import numpy as np
import pytest

from metadata.spec import Catalog
from sandbox.simulator.columns import NULL, filled, to_csv
from sandbox.simulator.data import read_table
from sandbox.simulator.money import rounded
from sandbox.simulator.names import person_name
from sandbox.simulator.seeding.catalogue import Catalogue, memberships
from sandbox.simulator.seeding.places import CITIES, cities
from sandbox.simulator.sheet import Sheet
from sandbox.simulator.steps.orders import orders_of_day
from sandbox.simulator.streams import keyed_uniform, stream

MONDAY = date(2013, 1, 7)


@pytest.mark.parametrize(
    ("day", "least", "most"),
    [
        (date(2013, 1, 7), 31, 90),
        (date(2014, 1, 6), 34, 100),
        (date(2015, 1, 5), 37, 108),
        (date(2016, 1, 4), 38, 110),
        (date(2013, 1, 12), 15, 45),
        (date(2014, 1, 11), 16, 50),
        (date(2016, 1, 9), 18, 55),
        (date(2013, 1, 13), 0, 0),
    ],
)
def test_orders_of_a_day_have_the_published_range(day: date, least: int, most: int) -> None:
    """See business_rules.md, section 2.2."""
    drawn = [orders_of_day(day, 1.0, np.random.default_rng(number)) for number in range(3000)]
    assert (min(drawn), max(drawn)) == (least, most)


def test_money_is_rounded_half_away_from_zero() -> None:
    amounts = np.array([5, 15, 25, -5, -15, 14, -14, 0])
    assert rounded(amounts, 10).tolist() == [1, 2, 3, -1, -2, 1, -1, 0]


def test_streams_depend_on_seed_day_and_step() -> None:
    first = {stream(*key).integers(10**9) for key in ((1, MONDAY, "a"), (2, MONDAY, "a"), (1, MONDAY, "b"))}
    first.add(stream(1, MONDAY + timedelta(days=1), "a").integers(10**9))
    assert len(first) == 4
    assert stream(1, MONDAY, "a").integers(10**9) in first


def test_keyed_numbers_are_uniform_and_depend_only_on_the_key() -> None:
    keys = np.arange(1, 10_001)
    numbers = keyed_uniform(42, "payment", keys)
    assert np.histogram(numbers, bins=10, range=(0, 1))[0].min() > 900
    assert keyed_uniform(42, "payment", keys[7:8]) == numbers[7]
    assert (keyed_uniform(43, "payment", keys) != numbers).all()
    assert (keyed_uniform(42, "north", keys) != numbers).all()


def test_null_and_empty_string_differ_in_csv(catalog: Catalog) -> None:
    table = catalog.table("sales.buying_groups")
    names = [None, "", 'a "b"', "x,\ny", "ü"]
    rows = filled(
        table, {"buying_group_id": np.arange(5), "buying_group_name": names, "last_edited_by": None}
    )
    assert to_csv(table, rows).decode() == '0,,\n1,"",\n2,"a ""b""",\n3,"x,\ny",\n4,"ü",\n'


def test_numbers_dates_and_bytes_are_written_as_csv(catalog: Catalog) -> None:
    table = catalog.table("warehouse.vehicle_temperatures")
    rows = filled(
        table,
        {
            "vehicle_temperature_id": np.array([1, 2]),
            "recorded_when": np.array(["2016-01-01T07:00:01", "NaT"], dtype="datetime64[s]"),
            "temperature": np.array([-5, NULL]),
            "is_compressed": [True, False],
            "compressed_sensor_data": [b"\x00\xff", None],
        },
    )
    assert to_csv(table, rows) == b"1,,,2016-01-01T07:00:01,-0.05,,t,\\x00ff\n2,,,,,,f,\n"


def test_an_unknown_column_is_an_error(catalog: Catalog) -> None:
    with pytest.raises(KeyError, match=r"sales\.buying_groups has no column colour"):
        filled(catalog.table("sales.buying_groups"), {"buying_group_id": np.array([1]), "colour": "red"})


def test_a_sheet_distinguishes_new_and_changed_rows(catalog: Catalog) -> None:
    table = catalog.table("sales.buying_groups")
    values = {"buying_group_id": np.arange(1, 4), "buying_group_name": ["a", "b", "c"], "last_edited_by": 1}
    sheet = Sheet(table, filled(table, values))
    sheet.append(buying_group_id=np.array([4]), buying_group_name=["d"], last_edited_by=1)
    sheet.set(sheet.rows(np.array([2, 4])), buying_group_name="z")
    assert sheet.changed_rows()["buying_group_id"].tolist() == [2]
    assert sheet.new_rows()["buying_group_name"].tolist() == ["z"]
    assert sheet.remove(np.array([0])).tolist() == [1]
    assert sheet.changed_rows()["buying_group_id"].tolist() == [2]
    sheet.close(sheet.rows(np.array([3])))
    sheet.end_day()
    assert sheet["buying_group_id"].tolist() == [2, 4]
    assert not sheet.touched


def test_names_of_people_are_unique() -> None:
    names = [person_name(number, seed=42).full for number in range(1, 40_000)]
    assert len(set(names)) == len(names)


def test_the_catalogue_matches_the_published_data() -> None:
    """Check the counts of business_rules.md, section 16."""
    table = read_table("stock_items")
    assert len(set(table["stock_item_name"])) == 227
    assert Counter(table["unit_package"]) == {"Each": 210, "Packet": 5, "Pair": 4, "Bag": 8}
    assert Counter(table["outer_package"]) == {"Each": 175, "Carton": 43, "Packet": 9}
    colors = {
        "Black": 51,
        "White": 34,
        "Blue": 23,
        "Gray": 9,
        "Red": 5,
        "Light Brown": 4,
        "Yellow": 2,
        "": 99,
    }
    assert Counter(table["color_name"]) == colors
    _, groups = memberships(Catalogue(1, 227))
    assert np.bincount(groups).tolist() == [0, 91, 74, 42, 26, 0, 83, 14, 24, 21, 67]


def test_the_number_of_cities_matches_the_published_data() -> None:
    rows = cities(stream(42, None, "cities"), 1.0)
    pairs = set(zip(rows["city_name"], rows["state_province_id"], strict=True))  # type: ignore[call-overload]
    assert len(pairs) == CITIES == 37_940
