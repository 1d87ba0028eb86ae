"""Run a user's SELECT on the warehouse."""

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, get_args

from google.cloud.bigquery import Client

from config.errors import MissingInWarehouseError, PermanentError
from config.settings import Layer, Settings
from metadata.errors import did_you_mean
from warehouse.client import connect
from warehouse.errors import translated
from warehouse.queries import query_rows
from warehouse.statements import checked_select

MISSING_TABLE = re.compile(r"Table (?:`?[\w-]+[.:])??(?:(?P<dataset>\w+)\.)?(?P<table>\w+)`? was not found")
MISSING_DATASET = re.compile(r"Dataset (?:[\w-]+[.:])?(?P<dataset>\w+) was not found")


@dataclass(frozen=True)
class Answer:
    """The result of a SELECT: column names and rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def first(self, count: int) -> "Answer":
        """Return the first `count` rows."""
        return replace(self, rows=self.rows[:count])


def ask(settings: Settings, sql: str) -> Answer:
    """Run one SELECT within the configured time limit.

    Raises PermanentError for anything but one SELECT, for an unknown table, and for an error of the engine.
    """
    client = connect(settings, "query")
    try:
        columns, rows = query_rows(
            client, checked_select(client, settings, sql), timeout_s=settings.query_timeout_s
        )
    except MissingInWarehouseError as error:
        raise PermanentError(_missing(client, settings, str(error))) from error
    twice = [name for name, count in Counter(columns).items() if count > 1]
    if twice:
        raise PermanentError(f"two columns are named '{twice[0]}'. Give one of them another name with AS.")
    return Answer(columns, tuple(rows))


def _missing(client: Client, settings: Settings, error: str) -> str:
    """Explain which table or dataset does not exist, and suggest a similar name."""
    ours = {settings.dataset(layer) for layer in get_args(Layer)}
    with translated("query"):
        datasets = {each.dataset_id for each in client.list_datasets(timeout=30)}
        if found := MISSING_TABLE.search(error):
            table, dataset = found["table"], found["dataset"]
            if dataset is None:
                return _unqualified(client, sorted(datasets & ours), table)
            if dataset in datasets:
                tables = [each.table_id for each in client.list_tables(dataset, timeout=30)]
                hint = did_you_mean(table, tables) if tables else "It is empty. Run `wwi run`."
                return f"there is no table '{table}' in {dataset}. {hint}"
        elif found := MISSING_DATASET.search(error):
            dataset = found["dataset"]
        else:
            return error
    if dataset in ours:
        return f"there is no dataset '{dataset}' yet: nothing is loaded. Run `wwi run`."
    return f"there is no dataset '{dataset}'. {did_you_mean(dataset, datasets or ours)}"


def _unqualified(client: Client, datasets: list[str], table: str) -> str:
    """Suggest the dataset of a table that was written without one; the marts take precedence."""
    known = {
        each.table_id: dataset
        for dataset in sorted(datasets, key=lambda name: name.endswith("_marts"))
        for each in client.list_tables(dataset, timeout=30)
    }
    if table in known:
        return f"the table '{table}' has no dataset. Write {known[table]}.{table}."
    return f"there is no table '{table}'. {did_you_mean(table, [f'{known[name]}.{name}' for name in known])}"
