"""What counts as a difference between source and layers, and how it is said."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from questions.reconcile import Comparison, Reconciliation, ReconciliationError, compare, plain

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SOURCE = {
    ("sales.order_lines", "rows"): (3, Decimal(10)),
    ("sales.order_lines", "quantity"): (3, Decimal("25.00")),
    ("sales.orders", "rows"): (3, Decimal(4)),
}


def test_equal_numbers_are_equal_whatever_their_scale() -> None:
    layers = {"raw": {("sales.order_lines", "quantity"): Decimal("25.000000000")}}
    (found,) = compare(SOURCE, layers, {})
    assert found.is_equal


def test_one_cent_is_a_difference() -> None:
    layers = {"raw": {("sales.order_lines", "quantity"): Decimal("25.01")}}
    (found,) = compare(SOURCE, layers, {})
    assert not found.is_equal


def test_a_mart_is_compared_with_its_source_table_under_its_own_name() -> None:
    layers = {"marts": {("fct_order of sales.order_lines", "rows"): Decimal(9)}}
    (found,) = compare(SOURCE, layers, {"fct_order of sales.order_lines": ("sales.order_lines", "fct_order")})
    assert (found.table, found.layer, found.source, found.value) == (
        "sales.order_lines", "fct_order", Decimal(10), Decimal(9),
    )  # fmt: skip


def test_a_table_that_a_layer_does_not_hold_is_not_compared_there() -> None:
    layers = {"raw": {("sales.orders", "rows"): Decimal(4)}, "vault": {}}
    assert [each.layer for each in compare(SOURCE, layers, {})] == ["raw"]


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
