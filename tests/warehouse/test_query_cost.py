"""Test the cost of a query and the sum for a build."""

from decimal import Decimal

import pytest

from config.settings import Settings
from warehouse.query_cost import MINIMUM_BYTES_PER_TABLE, TIB, Estimate, billed_bytes, total_cost

MIB = 2**20


@pytest.mark.parametrize(
    ("read", "tables", "billed"),
    [
        (0, 0, 0),
        (0, 1, 10 * MIB),
        (3, 2, 20 * MIB),
        (30 * MIB, 2, 30 * MIB),
        (5 * TIB, 1, 5 * TIB),
    ],
)
def test_each_table_costs_at_least_ten_megabytes(read: int, tables: int, billed: int) -> None:
    assert billed_bytes(read, tables) == billed


def test_the_most_expensive_comes_first_and_unknown_costs_are_excluded() -> None:
    estimates = [
        Estimate("small", "model", 1, MINIMUM_BYTES_PER_TABLE, Decimal("0.01")),
        Estimate("new", "model", missing="p.d.t"),
        Estimate("large", "test", TIB, TIB, Decimal("6.25")),
    ]
    cost = total_cost(estimates, Decimal("6.25"))
    assert [each.name for each in cost.known] == ["large", "small"]
    assert [each.name for each in cost.unknown] == ["new"]
    assert (cost.bytes, cost.billed_bytes, cost.price) == (
        TIB + 1,
        TIB + MINIMUM_BYTES_PER_TABLE,
        Decimal("6.26"),
    )
    assert cost.tells_bytes
    assert not total_cost([Estimate("one", "model")], Decimal(1)).tells_bytes


def test_the_price_and_the_limit_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(_env_file=None)
    assert (settings.price_per_tib, settings.build_bytes_limit) == (Decimal("6.25"), None)
    monkeypatch.setenv("WWI_PRICE_PER_TIB", "7.5")
    monkeypatch.setenv("WWI_BUILD_BYTES_LIMIT", "")
    assert Settings(_env_file=None).build_bytes_limit is None
    monkeypatch.setenv("WWI_BUILD_BYTES_LIMIT", "1000")
    settings = Settings(_env_file=None)
    assert (settings.price_per_tib, settings.build_bytes_limit) == (Decimal("7.5"), 1000)
