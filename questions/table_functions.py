"""Table functions for those who ask in SQL: `select * from wwi_marts.fct_sale_asof(timestamp '2026-05-31')`.

The body is what `wwi asof` sends, with the parameter in the place of the time. BigQuery runs it with the
rights of the one who calls it, policy tags of personal columns included.
"""

from collections.abc import Iterable

from google.cloud import bigquery

from ingestion.bigquery import execute
from ingestion.settings import Settings
from metadata.marts import Mart
from questions.as_of import Models, as_of

PARAMETER = "as_of"


def name(mart: str) -> str:
    """`fct_sale_asof`."""
    return f"{mart}_asof"


def statement(settings: Settings, models: Models, mart: Mart) -> str:
    """The statement that makes the mart's function, or replaces it."""
    body = as_of(settings, models, mart.name, PARAMETER, columns=mart.column_names)
    function = f"`{settings.project}`.`{settings.dataset('marts')}`.`{name(mart.name)}`"
    return f"create or replace table function {function}({PARAMETER} timestamp) as (\n{body}\n)"


def make(
    client: bigquery.Client, settings: Settings, models: Models, marts: Iterable[Mart]
) -> tuple[str, ...]:
    """Make the functions of these marts, or replace them; return their names. Errors as `execute`."""
    made = []
    for mart in marts:
        execute(client, statement(settings, models, mart), timeout_s=settings.query_timeout_s)
        made.append(name(mart.name))
    return tuple(made)
