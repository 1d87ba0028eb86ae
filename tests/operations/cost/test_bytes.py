"""Columns, partitions and billed bytes of a query are estimated from its SQL, also for larger tables."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.errors import PermanentError
from operations.cost.bytes_billed import Partition, Span, TableStatistics, billed, extrapolate, read_bytes
from operations.cost.model_bytes import MB, Model, ModelBytes, estimate, load_budgets, scans_by_model
from operations.cost.scans import Scan, Schema, scans

PROJECT = "p"
COLUMNS = {
    "raw_vault.sat": {"hk": "BYTES", "number": "INT64", "note": "STRING", "load_dts": "TIMESTAMP"},
    "raw_vault.hub": {"hk": "BYTES", "number": "INT64", "load_dts": "TIMESTAMP"},
    "staging.view": {"hk": "BYTES", "load_dts": "TIMESTAMP"},
}
SAT = "`p`.`raw_vault`.`sat`"
HUB = "`p`.`raw_vault`.`hub`"


TEN_TIMES = Span(10, 100)


def read(sql: str) -> dict[str, Scan]:
    """Return the scans of a query by table."""
    views = {"staging.view": f"select hk, load_dts from {HUB} where number < 5"}
    found = scans(sql, Schema(PROJECT, COLUMNS, views))
    assert len({each.table for each in found}) == len(found)
    return {each.table: each for each in found}


def numbers(*parts: tuple[int, int], full: int | None = None) -> TableStatistics:
    """Return statistics of a table partitioned by ranges of ten; parts are (tens, rows). A row has 1 MB."""
    partitions = tuple(Partition(tens * 10, tens * 10 + 10, rows, added=0.5) for tens, rows in parts)
    return TableStatistics({"hk": MB, "number": 0}, partitions, "number", numbered=True, full=full)


def test_columns_that_only_pass_through_a_cte_are_not_read() -> None:
    found = read(f"with all_rows as (select * from {SAT}) select hk, max(load_dts) from all_rows group by hk")
    assert found["raw_vault.sat"].columns == {"hk", "load_dts"}


def test_columns_of_joins_and_windows_are_read() -> None:
    found = read(
        f"select hub.load_dts from {HUB} as hub inner join {SAT} as sat on hub.hk = sat.hk "
        "where sat.note = 'x' qualify row_number() over (partition by hub.hk order by sat.load_dts) = 1"
    )
    assert found["raw_vault.hub"].columns == {"hk", "load_dts"}
    assert found["raw_vault.sat"].columns == {"hk", "note", "load_dts"}


def test_a_view_is_expanded() -> None:
    found = read("select count(*) from `p`.`staging`.`view` where hk is not null")
    assert found.keys() == {"raw_vault.hub"}
    assert not found["raw_vault.hub"].may_read("number", 10, 20)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("true", {0, 10, 20}),
        ("false", set()),
        ("number = 12", {10}),
        ("number in (3, 25)", {0, 20}),
        ("number between 5 and 10", {0, 10}),
        ("number between 1 and 2 or number between 21 and 22", {0, 20}),
        ("(number >= 12) and number < 20", {10}),
        ("number <= 9 and note = 'x'", {0}),
        ("number = 12 or note = 'x'", {0, 10, 20}),
        ("number > 100", set()),
        ("mod(number, 10) = 2", {0, 10, 20}),
        (f"number in (select number from {HUB})", {0, 10, 20}),
        (f"number = (select max(number) from {HUB})", {0, 10, 20}),
        ("not number = 12", {0, 10, 20}),
    ],
)
def test_only_comparisons_with_constants_prune_partitions(condition: str, expected: set[int]) -> None:
    scan = read(f"select hk from {SAT} where {condition}")["raw_vault.sat"]
    assert {low for low in (0, 10, 20) if scan.may_read("number", low, low + 10)} == expected


def test_the_rows_without_a_number_are_in_a_partition_that_is_always_read() -> None:
    scan = read(f"select hk from {SAT} where number = 1")["raw_vault.sat"]
    assert scan.may_read("number", None, None)


def test_a_load_time_prunes_all_other_loads() -> None:
    scan = read(f"select hk from {SAT} where load_dts in (timestamp '2026-05-04 03:00:00.000001+00:00')")
    load = datetime(2026, 5, 4, 3, 0, 0, 1, UTC)
    day = timedelta(days=1)
    assert scan["raw_vault.sat"].may_read("load_dts", load, load + day)
    assert not scan["raw_vault.sat"].may_read("load_dts", load - day, load)


def test_a_narrowed_target_in_a_left_join_is_pruned() -> None:
    found = read(
        f"select sat.hk from {SAT} as sat "
        f"left join (select * from {HUB} where number between 1 and 2) as d on sat.hk = d.hk "
        "where d.hk is null"
    )
    assert found["raw_vault.hub"].columns == {"hk", "number"}
    assert not found["raw_vault.hub"].may_read("number", 10, 20)


@pytest.mark.parametrize("sql", ["select from where", "select x from `p`.`raw_vault`.`missing`"])
def test_an_error_in_the_sql_names_the_model(sql: str) -> None:
    with pytest.raises(PermanentError, match="model odd:"):
        scans_by_model([Model("odd", "marts", (sql,))], PROJECT, COLUMNS, {})


def test_bytes_are_the_columns_of_the_partitions_after_pruning() -> None:
    scan = read(f"select hk from {SAT} where number < 20")["raw_vault.sat"]
    assert read_bytes(scan, numbers((0, 1), (1, 2), (2, 4))) == 3 * MB


def test_each_table_is_billed_for_at_least_ten_megabytes() -> None:
    tables = {"a": numbers((0, 1)), "b": numbers((0, 30))}
    assert billed([Scan("a", frozenset({"hk"})), Scan("b", frozenset({"hk"}))], tables) == 40 * MB
    assert billed([Scan("b", frozenset({"hk"})), Scan("b", frozenset({"hk"}))], tables) == 60 * MB


def test_a_table_without_partitions_grows_as_a_whole() -> None:
    table = TableStatistics({"hk": MB}, (Partition(None, None, 3),))
    assert extrapolate(table, TEN_TIMES).rows == 30
    assert read_bytes(Scan("t", frozenset({"hk"})), extrapolate(table, TEN_TIMES)) == 30 * MB


def test_a_table_of_existing_members_grows_by_its_daily_additions() -> None:
    cities = TableStatistics({"hk": MB}, (Partition(None, None, 300, added=0.1),))
    assert extrapolate(cities, TEN_TIMES).rows == 309


def test_with_loads_as_partitions_additional_history_is_in_older_ones() -> None:
    load = datetime(2026, 5, 4, tzinfo=UTC)
    table = TableStatistics(
        {"hk": MB, "load_dts": 0}, (Partition(load, load + timedelta(days=1), 3),), "load_dts"
    )
    scan = read(f"select hk from {SAT} where load_dts = timestamp '2026-05-04 00:00:00+00:00'")[
        "raw_vault.sat"
    ]
    later = extrapolate(table, TEN_TIMES)
    assert (later.rows, read_bytes(scan, later)) == (30, 3 * MB)


def test_if_numbers_grow_partitions_fill_up_and_the_rest_is_older() -> None:
    scan = read(f"select hk from {SAT} where number in (12)")["raw_vault.sat"]
    later = extrapolate(numbers((0, 20), (1, 3), full=20), TEN_TIMES)
    assert (later.rows, read_bytes(scan, later)) == (230, 20 * MB)


def test_if_numbers_do_not_grow_each_partition_grows_by_its_daily_additions() -> None:
    scan = read(f"select hk from {SAT} where number in (12)")["raw_vault.sat"]
    later = extrapolate(numbers((0, 20), (1, 3)), TEN_TIMES)
    assert (later.rows, read_bytes(scan, later)) == (113, 48 * MB)


def test_the_budget_is_that_of_the_model_or_else_of_its_layer() -> None:
    models = [Model(name, "raw_vault", ()) for name in ("sat", "hub")]
    reads = {name: [[Scan("t", frozenset({"hk"}))]] for name in ("sat", "hub")}
    tables = {"t": numbers((0, 15))}
    found = estimate(models, reads, tables, tables, {"raw_vault": 20 * MB, "sat": 10 * MB})
    assert {each.name: each.is_over for each in found} == {"sat": True, "hub": False}
    assert ModelBytes("a", "marts", 5, 6, None).growth == pytest.approx(1.2)


def test_budgets_are_in_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "cost_budget.yml"
    path.write_text("raw_vault: 20\nsat: 10\n")
    assert load_budgets(path) == {"raw_vault": 20 * MB, "sat": 10 * MB}
    path.write_text("raw_vault: much\n")
    with pytest.raises(PermanentError, match=r"cost_budget.yml: .*Each line must have the form"):
        load_budgets(path)
