"""Test that `wwi query` accepts one SELECT and `--where` one condition, and nothing else is sent."""

from typing import Any

import pytest

from audit.query import ask
from config.errors import PermanentError
from config.settings import Settings
from warehouse import statements
from warehouse.client import connect
from warehouse.queries import query

COLUMNS = {
    "order_id": "int64",
    "name": "string",
    "price": "numeric(18, 2)",
    "is_deleted": "bool",
    "day": "date",
}
LOCAL = Settings(_env_file=None)
NO_CLIENT: Any = None

SELECTS = [
    "select 1 as a",
    "select 1 as a;",
    "select 1 as a ; -- done",
    "(select 1 as a)",
    "select 1 as a union all select 2",
    "with a as (select 1 as b) select b from a",
    "with `delete` as (select 1 as b) select b from `delete`",
    "with recursive a as (select 1 as n union all select n + 1 from a where n < 3) select n from a",
    "select 'a; drop table x; truncate table y' as a",
    "select 'it\\'s; drop table x' as a",
    "select '''a; delete from x''' as a",
    "select r'a;b' as a",
    "select 1 as a /* ; drop table x */",
    "select 1 as a # ; drop table x",
    "select 1 as a -- ; drop table x",
    "select 1 as `drop`",
    "select 'delete from x where true' as a",
    "from unnest([1, 2]) as n |> where n > 1",
    "# delete\nselect 1 as a",
    "/* drop */ select 1 as a",
    "select create_date, `update` from unnest([struct(1 as create_date, 2 as `update`)])",
]
OTHERS = [
    "",
    "   ",
    ";",
    "-- only a comment",
    "delete from x where true",
    "truncate table x",
    "drop table x",
    "drop schema x cascade",
    "insert into x (a) values (1)",
    "update x set a = 1 where true",
    "merge x using y on true when matched then delete",
    "create table x (a int64)",
    "create or replace view x as select 1 as a",
    "alter table x add column b int64",
    "select 1; select 2",
    "select 1; drop table x",
    "select 1;\n drop table x;",
    "select 1 /* */; drop table x",
    "select 1 /* */ drop table x",
    "select 1 -- '\n; drop table x",
    "select 1 /* /* */ ; drop table x -- */",
    "select 'a\\\\'; drop table x; --'",
    "begin delete from x where true; end",
    "begin transaction",
    "declare a int64; select a",
    "declare a int64",
    "set a = 1",
    "execute immediate 'drop table x'",
    "call p()",
    "export data options (uri='x') as select 1 as a",
    "load data into x from files (uris=['a'])",
    "create temp function f() as (1); select f()",
    "if true then drop table x; end if",
    "loop drop table x; end loop",
    "while true do drop table x; end while",
    "for r in (select 1) do drop table x; end for",
    "raise using message = 'a'",
    "with a as (select 1 as b) delete from x where true",
    "with a as (delete from x where true returning *) select * from a",
    "select 1 as a into x",
    "from x |> insert into y",
    "from x |> create table y",
    "explain select 1",
    "describe x",
    "show tables",
    "pragma database_list",
    "copy x to 'a'",
    "attach 'a'",
    "assert true",
    "grant `roles/x` on table x to 'user:a'",
    "vacuum",
    "undrop schema x",
    "values (1)",
    "{{ x }}",
    "selec 1",
    "select (1",
    "select 1)",
    "select 'a",
    "select 1 as a where",
]


@pytest.mark.parametrize("sql", SELECTS)
def test_one_select_is_accepted(sql: str) -> None:
    assert statements.checked_select(NO_CLIENT, LOCAL, sql)


@pytest.mark.parametrize("sql", OTHERS)
def test_statements_other_than_one_select_are_refused_before_sending(sql: str) -> None:
    with pytest.raises(PermanentError) as refused:
        statements.checked_select(NO_CLIENT, LOCAL, sql)
    assert "sqlglot" not in str(refused.value).lower()
    assert "\x1b" not in str(refused.value)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("delete from x where true", "this is a DELETE, not a SELECT"),
        ("truncate table x", "this is a TRUNCATE, not a SELECT"),
        ("update x set a = 1 where true", "this is an UPDATE, not a SELECT"),
        ("begin delete from x where true; end", "a script of 2 statements"),
        ("select 1; select 2", "a script of 2 statements"),
        ("-- nothing", "the SQL is empty"),
        ("select 1\n  from", "at line 2"),
    ],
)
def test_the_error_names_the_statement_and_how_to_change_data(sql: str, expected: str) -> None:
    with pytest.raises(PermanentError, match=expected) as refused:
        statements.checked_select(NO_CLIENT, LOCAL, sql)
    assert "syntax error" in str(refused.value) or "`wwi run`" in str(refused.value)


@pytest.mark.parametrize("kind", ["DELETE", "SCRIPT", "DROP_TABLE", "CALL", "EXPORT_DATA", None])
def test_on_bigquery_the_dry_run_decides(kind: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = LOCAL.model_copy(update={"target": "bigquery", "bigquery_project": "p"})
    monkeypatch.setattr(statements, "statement_type", lambda *_: kind)
    with pytest.raises(PermanentError, match="not a SELECT"):
        statements.checked_select(NO_CLIENT, cloud, "select 1")
    monkeypatch.setattr(statements, "statement_type", lambda *_: "SELECT")
    assert (
        statements.checked_select(NO_CLIENT, cloud, "graph g match (a) return a")
        == "graph g match (a) return a"
    )


@pytest.mark.parametrize(
    "text",
    [
        "order_id = 1",
        "ORDER_ID = 1 and name like 'x%'",
        "order_id = 1 -- the first",
        "order_id = 1 /* ) or ( */",
        "name = ')' or name = '; drop table x'",
        "is_deleted",
        "not is_deleted",
        "true",
        "order_id in (1, 2, 3)",
        "order_id in unnest([1, 2])",
        "day between date '2013-01-01' and date '2013-02-01'",
        "name is null",
        "regexp_contains(name, r'^\\d+;')",
        "case when order_id > 1 then true else false end",
        "coalesce(is_deleted, false)",
        "(order_id = 1)\n",
    ],
)
def test_one_condition_is_accepted(text: str) -> None:
    assert statements.checked_condition(text, "fct_sale", COLUMNS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "--",
        "1=1) union all select (2",
        "1=1) or (1=1",
        "1=1), (2=2",
        "1=1) --",
        "1=1) from x where (1=1",
        "1=1) group by (1",
        "1=1) limit 1 --",
        "1=1; drop table x",
        "1=1;",
        "; drop table x",
        "1=1)); drop table x; --",
        "(1=1",
        "1=1)",
        "1=1 as a",
        "1=1, 2=2",
        "select true",
        "(select true)",
        "exists (select 1 from x)",
        "order_id in (select order_id from x)",
        "1=1 order by 1",
        "1=1 limit 1",
        "order_id",
        "1",
        "'a'",
        "price + 1",
        "order_idd = 1",
        "x.order_id = 1",
        "delete from x where true",
        "name = 'a",
        "order_id >",
        "order_id = 1 qualify true",
    ],
)
def test_anything_but_one_condition_is_refused(text: str) -> None:
    with pytest.raises(PermanentError):
        statements.checked_condition(text, "fct_sale", COLUMNS)


def test_an_unknown_column_in_a_condition_is_reported_with_the_closest_name() -> None:
    with pytest.raises(
        PermanentError, match=r"fct_sale has no column 'order_idd'. Did you mean 'order_id'\?"
    ):
        statements.checked_condition("order_idd = 1", "fct_sale", COLUMNS)


@pytest.mark.services
class TestOnTheWarehouse:
    """Refused statements change nothing; accepted ones return their rows."""

    def test_no_statement_changes_a_table(self, settings: Settings) -> None:
        client = connect(settings)
        dataset = settings.dataset("raw")
        query(client, f"create schema if not exists {dataset}")
        query(client, f"create table {dataset}.kept as select 1 as a")
        attempts = [
            f"delete from {dataset}.kept where true",
            f"truncate table {dataset}.kept",
            f"begin delete from {dataset}.kept where true; end",
            f"select 1 as a; drop table {dataset}.kept",
            f"execute immediate 'drop table {dataset}.kept'",
            f"if true then drop table {dataset}.kept; end if",
            f"select r'\\'; drop table {dataset}.kept; --' as a",
            f"create table {dataset}.other as select 1 as a",
        ]
        for sql in attempts:
            try:
                ask(settings, sql)
            except PermanentError:
                continue
        assert ask(settings, f"select a from {dataset}.kept").rows == ((1,),)
        assert not [t.table_id for t in client.list_tables(dataset) if t.table_id == "other"]

    def test_a_string_with_a_semicolon_is_returned_unchanged(self, settings: Settings) -> None:
        found = ask(settings, "select 'it\\'s; drop table x; --' as a, r'b\\d;c' as b -- ;")
        assert found.rows == (("it's; drop table x; --", "b\\d;c"),)

    def test_a_result_without_rows_has_its_columns(self, settings: Settings) -> None:
        found = ask(settings, "select 1 as a, 'x' as b from unnest([1]) where false")
        assert (found.columns, found.rows) == (("a", "b"), ())
