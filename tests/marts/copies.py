"""Copy all marts after a load, and compare as-of queries with these copies."""

from config.settings import Settings
from metadata.marts import load_marts
from warehouse.client import connect
from warehouse.queries import execute, query

SHOWN = 4


def keep(settings: Settings, load: int) -> None:
    """Copy every mart, with the number of the load in its name."""
    client, marts = connect(settings), settings.dataset("marts")
    for mart in load_marts():
        sql = (
            f"create or replace table {copy(settings, mart.name, load)} as select * from {marts}.{mart.name}"
        )
        execute(client, sql)


def copy(settings: Settings, mart: str, load: int) -> str:
    """Return the name of the copy of a mart after a load."""
    return f"{settings.dataset('marts')}.kept_{load}_{mart}"


def differing(settings: Settings, sql: str, mart: str, load: int) -> list[str]:
    """Return the first rows, as JSON, that differ in number between a query and the copy of the mart."""
    columns = ", ".join(next(each for each in load_marts() if each.name == mart).column_names)
    rows = query(
        connect(settings),
        f"""
        select row_text, sum(in_query) as in_query, sum(in_copy) as in_copy
        from (
            select to_json_string(one_row) as row_text, 1 as in_query, 0 as in_copy
            from (select {columns} from ({sql}) as queried) as one_row
            union all
            select to_json_string(one_row) as row_text, 0 as in_query, 1 as in_copy
            from (select {columns} from {copy(settings, mart, load)}) as one_row
        )
        group by row_text
        having sum(in_query) != sum(in_copy)
        limit {SHOWN}
        """,
    )
    return [str(row) for row in rows]
