"""Print the emulator's translations as JSON: `python -m tests.sandbox.emulator.translate [patched]`."""

import json
import sys

import structlog
from bqemulator.jobs import executor
from bqemulator.sql.translator import SQLTranslator

from sandbox.emulator.speed import apply_speed_patches

STATEMENTS = (
    "select order_id, row_number() over (partition by order_id order by load_dts desc) as n from a.b.c "
    "where true qualify n = 1",
    "create or replace table a.b.d partition by timestamp_trunc(load_dts, day) cluster by order_id "
    "OPTIONS(description='''What it is.''') "
    "as (select md5(format('%d:%s,', 1, 'a')) as h, load_dts from a.b.c)",
    "merge into a.b.d as held using (select 1 as n) as come on false "
    "when not matched then insert (n) values (n)",
    "create or replace view a.b.v as select cast(x as numeric) / y as q, safe_divide(x, y) as s from a.b.c",
    "create table a.b.e (x numeric, y int64) as select x / 2, y from a.b.c",
    "insert into a.b.c (x, y) select x, y from unnest([struct(1 as x, 2 as y), (3, 4)])",
    "update a.b.c set x = safe.ln(x), y = avg_y where y in (select avg(y) from a.b.c)",
    "delete from a.b.c where date_diff(date '2020-01-01', day, week) > 1",
    "select array_agg(x order by y limit 2), array_agg(s ignore nulls), string_agg(s, ','), "
    "countif(x > 0) from a.b.c",
    "select regexp_replace(s, r'0+$', ''), to_hex(b), format_datetime('T%H:%M:%E6S', d), date(t, 'UTC'), "
    "extract(dayofweek from d), extract(isoweek from d), generate_date_array(a, b), "
    "last_day(d, week) from a.b.c",
    "select * from a.b.INFORMATION_SCHEMA.COLUMNS",
    "drop table if exists a.b.d",
    "select from where",
)
SCHEMA = {
    "c": {
        "order_id": "BIGINT", "x": "DECIMAL(18, 2)", "y": "BIGINT", "s": "VARCHAR", "b": "BLOB",
        "d": "DATE", "t": "TIMESTAMPTZ", "a": "DATE", "load_dts": "TIMESTAMPTZ",
    }
}  # fmt: skip


def main() -> None:
    """Print the DuckDB SQL and the kind of every statement, twice."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    if "patched" in sys.argv:
        apply_speed_patches()
    translator = SQLTranslator()
    found = []
    for _ in range(2):
        for statement in STATEMENTS:
            made = translator.translate(statement, schema=SCHEMA)
            sql = getattr(made, "value", None)
            found.append(
                [
                    executor.classify_statement_type(statement),
                    executor.rewrite_table_refs(sql, "p") if sql else str(made),  # type: ignore[attr-defined]
                ]
            )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
