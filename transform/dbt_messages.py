"""Shorten dbt's messages of failed nodes to one line for the report, the ledger and Prefect."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from warehouse.emulator_errors import plain_message

MESSAGE_LENGTH = 300
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
NOISE = (
    "Database Error in",
    "Compilation Error in",
    "Runtime Error in",
    "compiled code at",
    "> in ",
    "> called by ",
)


def shorten(message: str) -> str:
    """Return dbt's message as one line, without its headings and file names."""
    lines = [line.strip() for line in COLOURS.sub("", message).splitlines()]
    reason = " ".join(line for line in lines if line and not line.startswith(NOISE)) or message.strip()
    return reason if len(reason) <= MESSAGE_LENGTH else f"{reason[: MESSAGE_LENGTH - 4]} ..."


@contextmanager
def plain_messages() -> Iterator[None]:
    """Within the block, translate emulator errors in dbt's adapter.

    The adapter turns an error into the text that dbt's results, its log and Prefect's tasks show.
    """
    from dbt.adapters.bigquery.connections import BigQueryConnectionManager  # noqa: PLC0415 - takes seconds
    from dbt_common.exceptions import DbtDatabaseError  # noqa: PLC0415

    original = BigQueryConnectionManager.exception_handler

    @contextmanager
    def translating(manager: Any, sql: str) -> Iterator[None]:
        try:
            with original(manager, sql):
                yield
        except DbtDatabaseError as error:
            error.msg = plain_message(error.msg)
            raise

    BigQueryConnectionManager.exception_handler = translating  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        BigQueryConnectionManager.exception_handler = original  # type: ignore[method-assign]
