"""Writes docs/types.md: every Postgres type, what it is in BigQuery, and what must be known of it.

`make generate` runs it; tests/warehouse/test_type_mappings.py compares the page with the typemap.
"""

from collections.abc import Iterator

from config.settings import PROJECT_ROOT
from metadata.postgres_types import AS_TEXT, TEXT_TYPES
from warehouse.type_mappings import ColumnType, column_type

PAGE = PROJECT_ROOT / "docs" / "types.md"

# as an example of each road that is not text by its name, and a remark
_TYPED = {
    "smallint": "",
    "integer": "",
    "bigint": "",
    "oid": "",
    "numeric(18,2)": "up to 29 digits before the point, 9 after it; a scale below zero adds digits before it",
    "numeric(38,10)": "more digits than that: as text, every one of them (and `NaN`)",
    "numeric": "",
    "money": "cast to numeric, for its text depends on the server's `lc_monetary`",
    "real": "the very number of its 4 bytes: 0.1 is 0.10000000149011612",
    "double precision": "NaN, infinities and -0 included",
    "boolean": "",
    "date": "",
    "timestamp": "a wall clock without a zone",
    "timestamptz": "an instant",
    "time": "",
    "bytea": "",
    "integer[]": "JSON, for an ARRAY holds neither null elements nor arrays: `[1,null]`, `[[1,2],[3,4]]`. "
    "An array whose bounds do not begin at 1 comes as Postgres writes it: `[0:1]={7,8}`",
    "composite": "JSON with the names of its columns",
    f"xid8{AS_TEXT}": "any type whatever, as the text that Postgres shows",
}

_TOP = """# Types

What becomes of each Postgres type on its way to `raw`. A value comes back equal, or it is kept apart with
its key, or the column is refused by name before anything is written: nothing is rounded, cut or changed.
Written by `make generate` from [warehouse/type_mappings.py](../warehouse/type_mappings.py);
[tests/ingestion/type_cases.py](../tests/ingestion/type_cases.py) takes hard values of every type through a
real Postgres and a real warehouse.

| Postgres | BigQuery | holds (where not all of it) | remarks |
| --- | --- | --- | --- |
"""

_BOTTOM = """
Metadata name a type as Postgres' `format_type()` does, by its short name. A type that the source made goes
by what it is made of: a domain by its base type, an enum as `enum`, a composite type as `composite`, a
range as `range`; an array has `[]` behind the name of its elements. A type that is not listed is refused,
and the error says how to load it as text.

A column of the source fits its metadata when values of both types land in the same column of raw in the
same form: `varchar(50)` and `text` do, `numeric(18,2)` and `numeric(18,4)` do not.

## Values that are kept apart

The row is loaded with null in place of such a value. The value goes to `wwi_audit.rejected_values`, as
text, with its batch, the key of its row as JSON, its column and the reason; it is loaded and becomes
visible with its batch, once, however often the run was cut off.

- Counted in `table_loads.rejected`; `wwi ingest` and `wwi status` show them. `wwi status` and `wwi
  reconcile` list what still stands: a row that came again since, corrected or deleted, no longer does, but
  its history stays.
- Control totals leave them out on both sides, source and warehouse, and a day that is kept apart is no day.
  So totals agree on what can be held, and the list says what cannot.
- A value of the key cannot be kept apart: the batch stops, and names table and column.
- More than `WWI_REJECTED_LIMIT` values of a table (default 1000) stop the batch before it loads, for then a
  mistake is likelier than bad data. `0` stops it at the first.
- `key` and `value` can hold personal data: they bear the policy tag of personal columns, and no message
  shows them. A table that was made before has no tag on them until `wwi bigquery setup`.

Text that is not valid in the source's own encoding, which only a database in `SQL_ASCII` can hold, is not
sent by Postgres at all: the batch stops, and names the table.
"""


def page() -> str:
    """The text of docs/types.md."""
    lines = [_line(f"`{name}`", column_type(name), remark) for name, remark in _TYPED.items()]
    return _TOP + "\n".join([*lines, *_texts()]) + "\n" + _BOTTOM


def _texts() -> Iterator[str]:
    plain = ", ".join(f"`{name}`" for name, remark in TEXT_TYPES.items() if not remark)
    yield _line(plain, column_type("text"), "the text that Postgres gives, every character of it")
    for name, remark in TEXT_TYPES.items():
        if remark:
            yield _line(f"`{name}`", column_type(name), remark)


def _line(names: str, kind: ColumnType, remark: str) -> str:
    digits = f"({kind.precision}, {kind.scale})" if kind.precision is not None else ""
    limits = kind.limits.says if kind.limits else ""
    return f"| {names} | {kind.bigquery}{digits} | {limits} | {remark} |"


if __name__ == "__main__":
    PAGE.write_text(page())
