"""What counts as a difference between source and layers, and its error message."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from audit.reconciliation.comparison import Comparison, Reconciliation, ReconciliationError, plain
from audit.reconciliation.layers import DailyTotalsBatch, Totals
from audit.reconciliation.reconcile import compare

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SOURCE = {
    ("sales.order_lines", "rows"): (3, Decimal(10)),
    ("sales.order_lines", "quantity"): (3, Decimal("25.00")),
}
DAILY = {"sales.order_lines": DailyTotalsBatch(3, NOW)}
MONDAY, TUESDAY = date(2026, 1, 5), date(2026, 1, 6)


def lines(layer: str | None = None, *, by_day: bool = True) -> Totals:
    label = f"{layer} of sales.order_lines" if layer else "sales.order_lines"
    return Totals(label, "sales.order_lines", {"quantity": "quantity"}, "select 1", by_day, layer)


def answer(control: str, total: str, label: str = "sales.order_lines", **more: object) -> dict[str, object]:
    """Return a row as the warehouse returns it; by default all days agree."""
    agreeing = {"day": MONDAY, "source_value": Decimal(1), "layer_value": Decimal(1), "days_different": 0}
    return {"label": label, "control": control, "total": Decimal(total), "days": 2, **agreeing, **more}


def test_equal_numbers_are_equal_whatever_their_scale() -> None:
    found = [answer("rows", "10.000"), answer("quantity", "25.000000000")]
    assert all(each.is_equal for each in compare("raw", [lines()], SOURCE, DAILY, found))


def test_one_cent_is_a_difference() -> None:
    found = [answer("rows", "10"), answer("quantity", "25.01")]
    rows, quantity = compare("raw", [lines()], SOURCE, DAILY, found)
    assert rows.is_equal
    assert not quantity.is_equal


def test_differing_days_with_an_equal_total_are_a_difference() -> None:
    apart = [
        {"day": MONDAY, "source_value": Decimal(12), "layer_value": Decimal(13), "days_different": 2},
        {"day": TUESDAY, "source_value": Decimal(13), "layer_value": Decimal(12), "days_different": 2},
    ]
    found = [answer("quantity", "25", **each) for each in apart]
    _, quantity = compare("raw", [lines()], SOURCE, DAILY, found)
    assert quantity.source == quantity.value
    assert not quantity.is_equal
    message = str(ReconciliationError(Reconciliation(NOW, (quantity,))))
    assert "2 of 2 days differ: 2026-01-05 13 instead of 12, 2026-01-06 12 instead of 13" in message


@pytest.mark.parametrize(
    ("select", "daily"),
    [
        pytest.param(lines(), {}, id="no daily totals"),
        pytest.param(lines(by_day=False), DAILY, id="a mart without a day"),
    ],
)
def test_without_daily_totals_only_the_total_is_compared(
    select: Totals, daily: dict[str, DailyTotalsBatch]
) -> None:
    apart = {"source_value": Decimal(0), "layer_value": Decimal(25), "days_different": 1}
    _, quantity = compare("raw", [select], SOURCE, daily, [answer("quantity", "25", **apart)])
    assert quantity.is_equal
    assert quantity.days is None


def test_a_mart_is_compared_with_its_source_table_under_its_own_name() -> None:
    found = [answer("rows", "9", label="fct_order of sales.order_lines")]
    rows, _ = compare("marts", [lines("fct_order")], SOURCE, DAILY, found)
    assert (rows.table, rows.layer, rows.source, rows.value) == (
        "sales.order_lines", "fct_order", Decimal(10), Decimal(9),
    )  # fmt: skip


def test_a_total_without_an_answer_is_zero() -> None:
    rows, quantity = compare("raw", [lines()], SOURCE, DAILY, [])
    assert (rows.value, quantity.value) == (Decimal(0), Decimal(0))


def test_a_total_missing_in_the_source_is_not_compared() -> None:
    source = {key: value for key, value in SOURCE.items() if key[1] == "rows"}
    assert [each.control for each in compare("raw", [lines()], source, DAILY, [])] == ["rows"]


def test_the_message_names_table_total_layer_and_values() -> None:
    wrong = Comparison(3, "sales.order_lines", "quantity", "fct_order", Decimal("25.00"), Decimal("25.01"))
    right = Comparison(3, "sales.orders", "rows", "raw", Decimal(4), Decimal(4))
    message = str(ReconciliationError(Reconciliation(NOW, (wrong, right))))
    assert "sales.order_lines quantity: source 25, fct_order 25.01 (batch 3)" in message
    assert "sales.orders" not in message


def test_the_message_says_when_only_the_build_is_missing() -> None:
    wrong = Comparison(3, "sales.orders", "rows", "vault", Decimal(4), Decimal(3))
    message = str(ReconciliationError(Reconciliation(NOW, (wrong,), vault_is_behind=(3,))))
    assert "Batch 3 is not in the vault yet: run `wwi build`." in message


@pytest.mark.parametrize(
    ("value", "text"),
    [("30000", "30000"), ("1.500", "1.5"), ("0.00", "0"), ("1E+3", "1000"), ("-2.10", "-2.1")],
)
def test_numbers_are_plain(value: str, text: str) -> None:
    assert plain(Decimal(value)) == text
