"""Test that SQL which only the emulator or DuckDB accepts is rejected with Google's message."""

import shutil
from pathlib import Path

import pytest

from tests.googlesql import rules
from tests.googlesql.analyzer import Analyzer, RefusedError, column
from tests.googlesql.conftest import Build, Typed
from transform.packages import VAULT_DIR

pytestmark = pytest.mark.proof

LINES = ("p", "d", "lines")

INVALID_STATEMENTS = {
    "wrong type": ("select date_diff(load_dts, datetime '2020-01-01', day) from p.d.lines", "DATE_DIFF"),
    "comparison of different types": ("select 1 from p.d.lines where line_id = 'a' || name", "operator ="),
    "union of different types": (
        "select line_id from p.d.lines union all select name from p.d.lines",
        "UNION ALL",
    ),
    "unknown column": (
        "select\n    line_id,\n    lin\nfrom p.d.lines",
        r"Unrecognized name: lin.*\[at 3:5\]",
    ),
    "unknown table": ("select 1 from p.d.nothing", "Table not found"),
    "ambiguous name": (
        "select line_id from p.d.lines as a cross join p.d.lines as b",
        "line_id is ambiguous",
    ),
    "function of DuckDB": ("select strftime(load_dts, '%Y') from p.d.lines", "Function not found: strftime"),
    "function of Postgres": (
        "select to_char(load_dts, 'YYYY') from p.d.lines",
        "Function not found: to_char",
    ),
    "cast of Postgres and DuckDB": ("select line_id::string from p.d.lines", "Syntax error"),
    "exclude of DuckDB": ("select * exclude (name) from p.d.lines", "Syntax error"),
    "list of DuckDB": ("select list_sum([1, 2])", "Function not found: list_sum"),
    "lambda of DuckDB": ("select array_filter([1, 2], x -> x > 1)", "Lambda|lambda|Function not found"),
    "filter of DuckDB": ("select count(*) filter (where line_id > 1) from p.d.lines", "Syntax error|FILTER"),
    "missing group by": ("select name from p.d.lines group by line_id", "neither grouped"),
    "integer of another width": ("select cast(line_id as int32) from p.d.lines", "Type not found: int32"),
    "double instead of float64": ("select cast(line_id as double) from p.d.lines", "Type not found: double"),
    "arrays compared": ("select [1] = [1]", "Equality is not defined"),
    "qualify without a window": ("select line_id from p.d.lines where true qualify line_id > 1", "QUALIFY"),
    "merge into an unknown column": (
        "merge into p.d.lines as held using (select 1 as n) as come on false\n"
        "when not matched then insert (number) values (n)",
        "number",
    ),
    "insert of a wrong type": ("insert into p.d.lines (line_id) values ('a' || 'b')", "STRING.*INT64"),
    "column of a view without a name": ("create view p.d.made as select 1 + 1", "columns must be named"),
    "column of a table without a name": ("create table p.d.made as select 1 + 1", "columns must be named"),
    "two columns of one name": ("create table p.d.made as select 1 as a, 2 as a", "duplicate name a"),
    "column list unlike the query": (
        "create table p.d.made (a int64, b int64) as (select line_id as a from p.d.lines)",
        "number of columns",
    ),
    "contract unlike the query": (
        "create table p.d.made (a int64) as (select load_dts as a from p.d.lines)",
        "TIMESTAMP.*INT64|INT64.*TIMESTAMP",
    ),
}

INVALID_TABLES = {
    "clustered by bytes": ("cluster by line_hk", "cannot cluster by BYTES"),
    "clustered by five": ("cluster by line_id, name, load_dts, day, line_id", "takes 4"),
    "partitioned by text": ("partition by name", "partitioned by"),
    "partitioned by a timestamp without truncation": ("partition by load_dts", "partitioned by"),
}


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    """Return an analyzer with one table."""
    types = {"line_id": "INT64", "name": "STRING", "load_dts": "TIMESTAMP", "day": "DATE", "line_hk": "BYTES"}
    made = Analyzer()
    made.tables[LINES] = tuple(column(*each) for each in types.items())
    return made


@pytest.mark.parametrize(("sql", "message"), INVALID_STATEMENTS.values(), ids=INVALID_STATEMENTS)
def test_an_invalid_statement_is_rejected(analyzer: Analyzer, sql: str, message: str) -> None:
    with pytest.raises(RefusedError, match=f"(?s){message}"):
        analyzer.analyze(sql)


@pytest.mark.parametrize(("clause", "message"), INVALID_TABLES.values(), ids=INVALID_TABLES)
def test_a_table_that_bigquery_cannot_create_is_rejected(
    analyzer: Analyzer, clause: str, message: str
) -> None:
    (statement,) = analyzer.analyze(f"create table p.d.made {clause} as (select * from p.d.lines)")
    with pytest.raises(RefusedError, match=message):
        rules.check(statement)


def test_a_valid_statement_is_accepted(analyzer: Analyzer) -> None:
    sql = """
    create or replace table p.d.made partition by timestamp_trunc(load_dts, day) cluster by line_id, name as (
        select line_id, name, load_dts, to_hex(line_hk) as line_hk
        from p.d.lines
        where true
        qualify row_number() over (partition by line_hk order by load_dts desc) = 1
    )
    """
    (statement,) = analyzer.analyze(sql)
    rules.check(statement)
    assert statement.partitions == (("timestamp_trunc", "load_dts"),)
    assert statement.clusters == ("line_id", "name")
    assert {each.name: each.type for each in statement.columns}["line_hk"] == "STRING"


@pytest.mark.services
def test_an_error_in_a_model_is_reported_with_model_and_line(
    first: Build, typed: Typed, tmp_path: Path
) -> None:
    project = tmp_path / "vault"
    shutil.copytree(VAULT_DIR, project, ignore=shutil.ignore_patterns("target", "logs"))
    model = project / "models" / "business_vault" / "bv_invalid.sql"
    model.write_text(
        "select\n    order_id,\n    date_diff(load_dts, datetime '2020-01-01', day) as age\n"
        "from {{ ref('hub_order') }}\n"
    )
    changed = Typed(typed.warehouse, typed.url, tmp_path, project)
    build = changed.dbt("run", "--select", "bv_invalid")
    (refused,) = typed.warehouse.refused()
    typed.warehouse.sent[:] = [each for each in typed.warehouse.sent if not each.error]
    assert build.code == 1
    assert refused.startswith("model.wwi_vault.bv_invalid: ")
    assert "DATE_DIFF" in refused
    assert "date_diff(load_dts, datetime '2020-01-01', day) as age" in refused
    assert "DATE_DIFF" in build.output
