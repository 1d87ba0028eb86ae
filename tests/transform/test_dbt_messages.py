"""Test that failed models and tests are explained without terms of the local engine."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from tests.warehouse.test_emulator_errors import ENGINE_WORDS
from transform import dbt
from transform.build_plan import build_arguments
from transform.build_report import BuildFailedError
from transform.dbt_invocation import run_dbt
from warehouse.client import connect
from warehouse.queries import query

GOOD = "{{ ref('good') }}"
TESTED = "{{ ref('tested') }}"  # has no dependents, which a failed test would skip
OUT_OF_RANGE = "A number is out of the range of its type."
BY_ZERO = "Division by zero. safe_divide(a, b) returns NULL instead."
MODELS = {
    "quotient": (f"select 1 / (id - 1) as x from {GOOD}", BY_ZERO),
    "wide_product": (
        f"select cast('99999999999999999999999999999' as numeric) * (id + 10) as x from {GOOD}",
        OUT_OF_RANGE,
    ),
    "whole_product": (f"select 9223372036854775807 * (id + 1) as x from {GOOD}", OUT_OF_RANGE),
    "narrow": (f"select cast(cast(id as numeric) * 1e8 as numeric(10, 2)) as x from {GOOD}", OUT_OF_RANGE),
    "text": (
        f"select cast(concat('abc', cast(id as string)) as numeric) as x from {GOOD}",
        "'abc1' cannot be converted to NUMERIC(38,9).",
    ),
    "literal": ("select cast('abc' as int64) as x", "'abc' cannot be converted to INT64."),
    "compared": (f"select id from {GOOD} where id = 'a'", "'a' cannot be converted to INT64."),
    "column": (f"select idd from {GOOD}", "There is no column 'idd'. Did you mean 'id'?"),
    "nowhere": ("select * from nowhere.nothing", "Not found: Dataset wwi-local:nowhere"),
    "no_table": ("select * from {{ ref('good').schema }}.goood", "goood was not found"),
    "function": (f"select no_such(id) as x from {GOOD}", "There is no function 'no_such'."),
    "day": ("select date '2013-02-30' as x", "'2013-02-30' is not a valid date."),
    "parsed": (
        f"select parse_date('%Y', concat('x', cast(id as string))) as x from {GOOD}",
        "'x1' does not match the format '%Y'.",
    ),
    "unfinished": (f"select id from {GOOD} where", "Syntax error at line"),
    "many": (
        f"select (select n from unnest([id, 2]) as n) as x from {GOOD}",
        "A subquery that is used as a value returned more than one row.",
    ),
    "types": (f"select upper(id) as x from {GOOD}", "upper does not take (INT64). Cast the arguments."),
}
TESTS = {
    "test_quotient": (f"select id from {TESTED} where 1 / (id - 1) > 0", BY_ZERO),
    "test_product": (
        f"select id from {TESTED} where cast('99999999999999999999999999999' as numeric) * (id + 10) > 0",
        OUT_OF_RANGE,
    ),
    "test_text": (
        f"select id from {TESTED} where cast(concat('abc', cast(id as string)) as int64) = 1",
        "'abc1' cannot be converted to INT64.",
    ),
    "test_column": (f"select idd from {TESTED}", "There is no column 'idd'. Did you mean 'id'?"),
}


@pytest.mark.services
@pytest.mark.local("tests error texts of the emulator")
def test_failed_nodes_are_explained_in_plain_words(tiny: Settings, project: Path) -> None:
    """In the build error, the ledger, and dbt's results, which Prefect's tasks show."""
    (project / "tests").mkdir()
    (project / "models" / "tested.sql").write_text("select 1 as id")
    for folder, nodes in ((project / "models", MODELS), (project / "tests", TESTS)):
        for name, (sql, _) in nodes.items():
            (folder / f"{name}.sql").write_text(sql)
    results: list[Any] = []

    def invoke(arguments: list[str], settings: Settings, vault_dir: Path, manifest: Any) -> Sequence[Any]:
        results.extend(run_dbt(arguments, settings, vault_dir, manifest))
        return results

    with pytest.raises(BuildFailedError) as failed:
        dbt.run(build_arguments(), tiny, project, invoke)
    expected = {name: message for name, (_, message) in (MODELS | TESTS).items()}
    reported = {each.name: each.message for each in failed.value.report.failures}
    rows = query(
        connect(tiny),
        f"select name, message from {tiny.dataset('audit')}.build_nodes where status = 'error'",
    )
    recorded = {row["name"]: row["message"] for row in rows}
    by_dbt = {each.node.name: each.message for each in results if str(each.status) == "error"}
    assert [name for name, message in expected.items() if message not in reported.get(name, "")] == []
    assert reported.keys() == recorded.keys() == by_dbt.keys() == expected.keys()
    assert recorded == reported
    assert [text for text in by_dbt.values() if ENGINE_WORDS.search(text)] == []
    assert ENGINE_WORDS.findall(str(failed.value)) == []
