"""Cases in which values change without a written row, each in its own schema.

`before` and `change` run with that schema as search path, with a batch between them. The table is `t` with
the key `id` and the column `v`.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """`values`: v by id after the change. `reason`: why all rows are read; None: only changed rows are."""

    name: str
    before: str
    change: str
    values: tuple[Any, ...]
    reason: str | None
    type: str = "text"


def _table(kind: str, *values: str, name: str = "t") -> str:
    rows = ", ".join(f"({number}, {value})" for number, value in enumerate(values, 1))
    return f"create table {name} (id integer primary key, v {kind}); insert into {name} values {rows};"


TEXTS = _table("text", "'a'", "'b'")
COPY = _table("text", "'x'", "'y'", name="copy")
LABELS = "create type e as enum ('a', 'b');"
RENAMED = r"type \w+\.e: label 'a' was renamed to 'x'"
PARTITIONS = """
    create table t (id integer primary key, v text) partition by range (id);
    create table p1 partition of t for values from (1) to (2);
    create table p2 partition of t for values from (2) to (3);
    insert into t values (1, 'a'), (2, 'b');
    create table other (id integer not null, v text);
    insert into other values (2, 'y');
"""
CHILD = "create table t (id integer primary key, v text); insert into t values (1, 'a');"
ADDRESS = "create type addr as (street text, town text);" + _table("addr", "row('s', 't')")
TEXT_OF_ADDRESS = """
    create function f(addr) returns text language sql as $$select 'a'$$;
    create cast (addr as text) with function f(addr)
"""
JSON_OF_E = "create function j(e) returns json language sql as $$select '1'::json$$"
ONE_CHILD = CHILD + "create table c () inherits (t); insert into c values (2, 'b');"

CHANGES = [
    # another table behind the name
    Case("prepared_copy", TEXTS + COPY, "drop table t; alter table copy rename to t",
         ("x", "y"), "another table has this name now"),
    Case("tables_swapped", TEXTS + COPY,
         "alter table t rename to old; alter table copy rename to t; alter table old rename to copy",
         ("x", "y"), "another table has this name now"),
    Case("schemas_swapped",
         TEXTS + "create schema schemas_swapped_new;"
         "create table schemas_swapped_new.t (id integer primary key, v text);"
         "insert into schemas_swapped_new.t values (1, 'x'), (2, 'y')",
         "alter schema schemas_swapped rename to schemas_swapped_old;"
         "alter schema schemas_swapped_new rename to schemas_swapped",
         ("x", "y"), "another table has this name now"),
    Case("moved_in_from_another_schema",
         TEXTS + "create schema moved_from; create table moved_from.t (id integer primary key, v text);"
         "insert into moved_from.t values (1, 'x'), (2, 'y')",
         "drop table t; alter table moved_from.t set schema moved_in_from_another_schema",
         ("x", "y"), "another table has this name now"),
    Case("partitioned_table_takes_the_name", TEXTS + """
         create table copy (id integer primary key, v text) partition by list (id);
         create table copy_1 partition of copy default; insert into copy values (1, 'x'), (2, 'y');""",
         "drop table t; alter table copy rename to t", ("x", "y"), "another table has this name now"),
    Case("materialized_view_takes_the_name", TEXTS + "create materialized view m as"
         " select id, 'x' as v from t",
         "alter table t rename to old; alter materialized view m rename to t",
         ("x", "x"), "another table has this name now"),
    # another column behind the name
    Case("column_with_another_default", TEXTS + "alter table t drop v; alter table t add v text default 'a'",
         "alter table t drop v; alter table t add v text default 'x'",
         ("x", "x"), "column v was dropped and added again"),
    Case("column_added_again_without_default", TEXTS, "alter table t drop v; alter table t add v text",
         (None, None), "column v was dropped and added again"),
    Case("integer_as_oid", _table("integer", "-1", "2"), "alter table t alter v type oid",
         (4294967295, 2), "column v is of type oid instead of integer", "integer"),
    Case("cidr_as_inet", _table("cidr", "'10.1.2.3'"), "alter table t alter v type inet",
         ("10.1.2.3",), "column v is of type inet instead of cidr", "cidr"),
    Case("type_dropped_and_made_again", LABELS + _table("e", "'a'"),
         "alter type e rename to old; create type e as enum ('a', 'b'); alter table t drop v;"
         "alter table t add v e default 'b'", ("b",), "column v was dropped and added again", "enum"),
    # types
    Case("label_renamed", LABELS + _table("e", "'a'", "'b'"), "alter type e rename value 'a' to 'x'",
         ("x", "b"), RENAMED, "enum"),
    Case("labels_swapped", LABELS + _table("e", "'a'", "'b'"),
         "alter type e rename value 'a' to 'x'; alter type e rename value 'b' to 'a';"
         "alter type e rename value 'x' to 'b'", ("b", "a"), "label 'a' was renamed to 'b'", "enum"),
    Case("label_in_an_array", LABELS + _table("e[]", "'{a,b}'"), "alter type e rename value 'a' to 'x'",
         ('["x","b"]',), RENAMED, "enum[]"),
    Case("label_in_a_domain", LABELS + "create domain d as e;" + _table("d", "'a'"),
         "alter type e rename value 'a' to 'x'", ("x",), RENAMED, "enum"),
    Case("label_in_an_array_of_a_domain", LABELS + "create domain d as e;" + _table("d[]", "'{a}'"),
         "alter type e rename value 'a' to 'x'", ('["x"]',), RENAMED, "enum[]"),
    Case("label_in_a_composite", LABELS + "create type addr as (kind e);" + _table("addr", "row('a')"),
         "alter type e rename value 'a' to 'x'", ('{"kind":"x"}',), RENAMED, "composite"),
    Case("label_in_a_range", LABELS + "create type r as range (subtype = e);" + _table("r", "'[a,b]'"),
         "alter type e rename value 'a' to 'x'", ("[x,b]",), RENAMED, "range"),
    Case("label_in_a_multirange", LABELS + "create type r as range (subtype = e, multirange_type_name = mr);"
         + _table("mr", "'{[a,b]}'"),
         "alter type e rename value 'a' to 'x'", ("{[x,b]}",), RENAMED, "multirange"),
    Case("label_in_a_partition", LABELS + """
         create table t (id integer primary key, v e) partition by list (id);
         create table p1 partition of t for values in (1); insert into t values (1, 'a');""",
         "alter type e rename value 'a' to 'x'", ("x",), RENAMED, "enum"),
    Case("attribute_renamed", ADDRESS, "alter type addr rename attribute street to road",
         ('{"road":"s","town":"t"}',), r"type \w+\.addr has other attributes", "composite"),
    Case("attribute_added", ADDRESS, "alter type addr add attribute country text",
         ('{"street":"s","town":"t","country":null}',), r"type \w+\.addr has other attributes", "composite"),
    Case("attribute_dropped", ADDRESS, "alter type addr drop attribute town",
         ('{"street":"s"}',), r"type \w+\.addr has other attributes", "composite"),
    Case("attribute_in_an_array",
         "create type addr as (street text);" + _table("addr[]", "array[row('s')::addr]"),
         "alter type addr rename attribute street to road", ('[{"road":"s"}]',),
         r"type \w+\.addr has other attributes", "composite[]"),
    Case("attribute_within_a_composite",
         "create type inner_addr as (street text); create type addr as (i inner_addr);"
         + _table("addr", "row(row('s'))"),
         "alter type inner_addr rename attribute street to road", ('{"i":{"road":"s"}}',),
         r"type \w+\.inner_addr has other attributes", "composite"),
    Case("row_type_of_a_table", "create table addr (street text);" + _table("addr", "row('s')"),
         "alter table addr rename street to road", ('{"road":"s"}',),
         r"type \w+\.addr has other attributes", "composite"),
    Case("cast_to_json_added", LABELS + _table("e[]", "'{a}'") + JSON_OF_E,
         "create cast (e as json) with function j(e)",
         ("[1]",), r"type \w+\.e has other casts", "enum[]"),
    Case("cast_to_text_dropped", ADDRESS + TEXT_OF_ADDRESS, "drop cast (addr as text)",
         ("(s,t)",), r"type \w+\.addr has other casts", "composite as text"),
    Case("function_of_a_cast_replaced", ADDRESS + TEXT_OF_ADDRESS,
         "create or replace function f(addr) returns text language sql as $$select 'x'$$",
         ("x",), "column v is read through a cast", "composite as text"),
    Case("name_of_a_table", "create table seen ();" + _table("regclass", "'seen'"),
         "alter table seen rename to renamed", ("name_of_a_table.renamed",),
         r"column v shows names .*\(regclass\)", "regclass as text"),
    Case("name_of_a_function_in_an_array", "create function seen() returns int language sql as 'select 1';"
         + _table("regproc[]", "'{name_of_a_function_in_an_array.seen}'"),
         "alter function seen rename to renamed", ("{name_of_a_function_in_an_array.renamed}",),
         r"column v shows names .*\(regproc\)", "regproc[] as text"),
    # generated columns
    Case("virtual_expression",
         "create table t (id integer primary key, v integer generated always as (id * 2) virtual);"
         "insert into t values (1), (2)", "alter table t alter v set expression as (id * 3)",
         (3, 6), "column v has another generation expression", "integer"),
    Case("virtual_column_made_stored",
         "create table t (id integer primary key, v integer generated always as (id * 2) virtual);"
         "insert into t values (1), (2)",
         "alter table t drop v; alter table t add v integer generated always as (id * 5) stored",
         (5, 10), "column v was dropped and added again", "integer"),
    Case("stored_expression",
         "create table t (id integer primary key, v integer generated always as (id * 2) stored);"
         "insert into t values (1), (2)", "alter table t alter v set expression as (id * 3)",
         (3, 6), "column v has another generation expression", "integer"),
    # partitions and inheritance
    Case("partition_attached", PARTITIONS + "drop table p2",
         "alter table t attach partition other for values from (2) to (3)",
         ("a", "y"), r"partition \w+\.other was added"),
    Case("partition_renamed_and_attached", PARTITIONS + "drop table p2",
         "alter table other rename to p2; alter table p2 set (fillfactor = 50); grant select on p2 to public;"
         "alter table t attach partition p2 for values from (2) to (3)",
         ("a", "y"), r"partition \w+\.p2 was added"),
    Case("partition_exchanged", PARTITIONS,
         "alter table t detach partition p2; alter table t attach partition other for values from (2) to (3)",
         ("a", "y"), r"partition \w+\.other was added; partition \w+\.p2 was removed"),
    Case("partition_swapped_by_name", PARTITIONS,
         "drop table p2; alter table other rename to p2;"
         "alter table t attach partition p2 for values from (2) to (3)",
         ("a", "y"), r"partition \w+\.p2 was added"),
    Case("partition_detached", PARTITIONS + "insert into t select 1, 'z' where false",
         "alter table t detach partition p2; insert into p1 select 1, 'z' where false",
         ("a",), r"partition \w+\.p2 was removed"),
    Case("partition_of_a_partition", """
         create table t (id integer primary key, v text) partition by range (id);
         create table half partition of t for values from (1) to (9) partition by range (id);
         create table p1 partition of half for values from (1) to (2); insert into t values (1, 'a');
         create table other (id integer not null, v text); insert into other values (2, 'y')""",
         "alter table half attach partition other for values from (2) to (3)",
         ("a", "y"), r"partition \w+\.other was added"),
    Case("column_of_a_detached_partition", PARTITIONS,
         "alter table t detach partition p2; alter table p2 drop v; alter table p2 add v text default 'x';"
         "alter table t attach partition p2 for values from (2) to (3)",
         ("a", "x"), r"partition \w+\.p2 was altered"),
    Case("child_added", CHILD + "create table c (id integer not null, v text); insert into c values (2, 'x')",
         "alter table c inherit t", ("a", "x"), r"child table \w+\.c was added"),
    Case("grandchild_added", ONE_CHILD + "create table g (id integer not null, v text);"
         "insert into g values (3, 'x')", "alter table g inherit c",
         ("a", "b", "x"), r"child table \w+\.g was added"),
    Case("children_exchanged", ONE_CHILD + "create table d (id integer not null, v text);"
         "insert into d values (2, 'x')", "alter table c no inherit t; alter table d inherit t",
         ("a", "x"), r"child table \w+\.d was added; child table \w+\.c was removed"),
    Case("column_of_a_child", ONE_CHILD,
         "alter table c no inherit t; alter table c drop v; alter table c add v text default 'x';"
         "alter table c inherit t", ("a", "x"), r"child table \w+\.c was altered"),
    Case("child_dropped", ONE_CHILD, "drop table c", ("a",), r"child table \w+\.c was removed"),
]  # fmt: skip

# no value changes, or every changed row is written: only changed rows are read
HARMLESS = [
    Case("vacuumed", TEXTS + "alter table t drop v; alter table t add v text default 'a'",
         "vacuum full t", ("a", "a"), None),
    Case("clustered", TEXTS, "cluster t using t_pkey", ("a", "b"), None),
    Case("analyzed", TEXTS, "analyze t; create index on t (v); comment on table t is 'x';"
         "grant select on t to public; alter table t set (fillfactor = 50);"
         "alter table t alter v set default 'z'", ("a", "b"), None),
    Case("another_column_dropped_and_added", TEXTS + "alter table t add pin text default '1'",
         "alter table t drop pin; alter table t add pin text default '2'", ("a", "b"), None),
    Case("made_unlogged_and_logged", TEXTS, "alter table t set unlogged; alter table t set logged",
         ("a", "b"), None),
    Case("wider_text", _table("varchar(5)", "'a'"), "alter table t alter v type text", ("a",), None,
         "varchar(5)"),
    Case("label_added", LABELS + _table("e", "'a'"), "alter type e add value 'x' before 'a'", ("a",), None,
         "enum"),
    Case("type_renamed", LABELS + _table("e", "'a'"), "alter type e rename to f", ("a",), None, "enum"),
    Case("using_expression", TEXTS, "alter table t alter v type text using v || '!'", ("a!", "b!"), None),
    Case("truncated_and_filled", TEXTS, "truncate t; insert into t values (1, 'x'), (2, 'y')",
         ("x", "y"), None),
    Case("partition_created_and_filled", PARTITIONS,
         "create table p3 partition of t for values from (3) to (4); insert into t values (3, 'x')",
         ("a", "b", "x"), None),
    Case("partition_of_no_rows", PARTITIONS, "create table p3 partition of t for values from (3) to (4)",
         ("a", "b"), None),
    Case("refreshed", """
         create table base (id integer, v text); insert into base values (1, 'a'), (2, 'b');
         create materialized view t as select * from base; update base set v = 'x' where id = 2""",
         "refresh materialized view t", ("a", "x"), None),
    Case("temporary_child", TEXTS, "create temporary table c () inherits (t); insert into c values (3, 'x')",
         ("a", "b"), None),
]  # fmt: skip
