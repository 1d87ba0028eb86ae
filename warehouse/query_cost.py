"""Estimate by dry runs, which are free, how many bytes statements read on BigQuery and what they cost.

On-demand pricing charges for the bytes read, at least 10 MB for each table in the query. Builds append rows
(INSERT, or MERGE without UPDATE) or recreate tables; writing is not charged.
"""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal

from google.cloud.bigquery import Client

from config.errors import MissingInWarehouseError, PermanentError
from config.settings import Settings
from warehouse.client import connect
from warehouse.queries import dry_run

TIB = 2**40
MINIMUM_BYTES_PER_TABLE = 10 * 2**20
PARALLEL_DRY_RUNS = 8
MISSING = re.compile(r"Not found: (?:Table|Dataset) (\S+)")


@dataclass(frozen=True)
class Statement:
    """A query and its model or test."""

    name: str
    kind: str
    sql: str


@dataclass(frozen=True)
class Estimate:
    """The estimate of one statement: `bytes` read, and `billed_bytes` with the minimum charge per table.

    `missing`: the table that must exist before an estimate is possible; the numbers are then 0.
    """

    name: str
    kind: str
    bytes: int = 0
    billed_bytes: int = 0
    price: Decimal = Decimal(0)
    missing: str | None = None


@dataclass(frozen=True)
class Cost:
    """The estimates of all statements, the most expensive first, in the currency of `price_per_tib`.

    `tells_bytes`: False when no bytes are reported, as by the emulator, which only validates the SQL.
    """

    price_per_tib: Decimal
    estimates: tuple[Estimate, ...]
    bytes: int
    billed_bytes: int
    price: Decimal
    tells_bytes: bool

    @property
    def known(self) -> tuple[Estimate, ...]:
        """The statements whose inputs exist."""
        return tuple(each for each in self.estimates if each.missing is None)

    @property
    def unknown(self) -> tuple[Estimate, ...]:
        """The statements that read what is not built yet."""
        return tuple(each for each in self.estimates if each.missing is not None)


def estimate_cost(settings: Settings, statements: Sequence[Statement]) -> Cost:
    """Estimate each statement by a dry run.

    Raises PermanentError with the name of a rejected statement, TransientError when the warehouse cannot be
    reached.
    """
    client = connect(settings, "dry_run")
    with ThreadPoolExecutor(PARALLEL_DRY_RUNS) as pool:
        futures = [pool.submit(_estimate, client, settings, statement) for statement in statements]
        try:
            estimates = [future.result() for future in futures]
        finally:
            pool.shutdown(cancel_futures=True)
    return total_cost(estimates, settings.price_per_tib)


def total_cost(estimates: Sequence[Estimate], price_per_tib: Decimal) -> Cost:
    """Sort the estimates and add them up."""
    return Cost(
        price_per_tib=price_per_tib,
        estimates=tuple(sorted(estimates, key=lambda each: (-each.billed_bytes, -each.bytes, each.name))),
        bytes=sum(each.bytes for each in estimates),
        billed_bytes=sum(each.billed_bytes for each in estimates),
        price=sum((each.price for each in estimates), Decimal(0)),
        tells_bytes=any(each.bytes for each in estimates),
    )


def _estimate(client: Client, settings: Settings, statement: Statement) -> Estimate:
    try:
        found = dry_run(client, statement.sql, settings.query_timeout_s)
    except MissingInWarehouseError as error:
        missing = MISSING.search(str(error))
        name = missing[1].replace(":", ".") if missing else str(error)
        return Estimate(statement.name, statement.kind, missing=name)
    except PermanentError as error:
        raise PermanentError(f"{statement.kind} {statement.name}: {error}") from error
    billed = billed_bytes(found.bytes, len(found.tables))
    return Estimate(
        statement.name, statement.kind, found.bytes, billed, billed * settings.price_per_tib / TIB
    )


def billed_bytes(read: int, tables: int) -> int:
    """Return the bytes charged for a query that reads `read` bytes from this number of tables.

    At least 10 MiB are charged per table. BigQuery does not report bytes per table, so the charge can be up
    to 10 MiB per table higher.
    """
    return max(read, tables * MINIMUM_BYTES_PER_TABLE)
