"""Copies of all marts, kept after a load, and how a mart told of the past is compared with its copy."""

from config.settings import Settings
from metadata.marts import load_marts
from warehouse.client import connect
from warehouse.queries import execute, query

SHOWN = 4


def keep(settings: Settings, load: int) -> None:
    """Copy every mart as it is now, under the number of the load."""
    client, marts = connect(settings), settings.dataset("marts")
    for mart in load_marts():
        sql = (
            f"create or replace table {copy(settings, mart.name, load)} as select * from {marts}.{mart.name}"
        )
        execute(client, sql)


def copy(settings: Settings, mart: str, load: int) -> str:
    """The copy of a mart that was kept after a load."""
    return f"{settings.dataset('marts')}.kept_{load}_{mart}"


def differing(settings: Settings, told: str, mart: str, load: int) -> list[str]:
    """The first rows, as JSON, that the query `told` and the copy of the mart do not hold equally often."""
    columns = ", ".join(next(each for each in load_marts() if each.name == mart).column_names)
    rows = query(
        connect(settings),
        f"""
        select row_text, sum(in_told) as in_told, sum(in_copy) as in_copy
        from (
            select to_json_string(one_row) as row_text, 1 as in_told, 0 as in_copy
            from (select {columns} from ({told}) as told) as one_row
            union all
            select to_json_string(one_row) as row_text, 0 as in_told, 1 as in_copy
            from (select {columns} from {copy(settings, mart, load)}) as one_row
        )
        group by row_text
        having sum(in_told) != sum(in_copy)
        limit {SHOWN}
        """,
    )
    return [str(row) for row in rows]
