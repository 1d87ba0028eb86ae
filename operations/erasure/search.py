"""Search the whole warehouse for a person's values, to prove that an erasure left none."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from google.cloud.bigquery import Client

from config.settings import Layer, Settings
from operations.erasure.personal_values import VALUES, contains_value
from warehouse.queries import query

LAYERS: tuple[Layer, ...] = ("raw", "staging", "raw_vault", "business_vault", "marts", "audit")
TABLES_A_STATEMENT = 40


@dataclass(frozen=True)
class SearchResult:
    """The number of tables, columns and values searched, and the matches: {layer.table: rows}."""

    tables: int
    columns: int
    values: int
    found: Mapping[str, int]


def search(client: Client, settings: Settings, values: int) -> SearchResult:
    """Search all text columns of all tables and views. Call within `collected_values`."""
    columns_of: dict[tuple[Layer, str], list[str]] = defaultdict(list)
    for layer in LAYERS:
        sql = (
            "select table_name, column_name, data_type\n"
            f"from `{settings.project}`.`{settings.dataset(layer)}`.INFORMATION_SCHEMA.COLUMNS"
        )
        for row in query(client, sql, timeout_s=settings.query_timeout_s):
            if row["data_type"].startswith("STRING") and row["table_name"] != VALUES:
                columns_of[layer, row["table_name"]].append(row["column_name"])
    found: dict[str, int] = {}
    rest = iter(sorted(columns_of.items()))
    while chunk := list(islice(rest, TABLES_A_STATEMENT)):
        sql = "\nunion all\n".join(
            search_statement(settings, layer, table, columns, values) for (layer, table), columns in chunk
        )
        for row in query(client, sql, timeout_s=settings.load_timeout_s):
            if row["n"]:
                found[row["place"]] = int(row["n"])
    return SearchResult(len(columns_of), sum(map(len, columns_of.values())), values, found)


def search_statement(
    settings: Settings, layer: Layer, table: str, columns: Sequence[str], values: int
) -> str:
    """Return the SELECT that counts rows with a value in any text column of a table."""
    listed = ", ".join(f"coalesce(`{column}`, '')" for column in columns)
    joined = f"array_to_string([{listed}], chr(10))"
    return f"""select '{layer}.{table}' as place, count(*) as n
from `{settings.project}`.`{settings.dataset(layer)}`.`{table}`
where {contains_value(settings, joined, values)}"""
