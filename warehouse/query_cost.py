"""What statements would read and cost on BigQuery, asked by dry runs, which are free.

On demand, a query is charged for what it reads, and for 10 MB at least of each table that it names. The
statements of a load append, by INSERT or by MERGE without UPDATE, or make their table anew: what they write
is not charged.
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
from warehouse.queries import dry_run as ask

TIB = 2**40
SMALLEST_READ = 10 * 2**20
PARALLEL = 8
MISSING = re.compile(r"Not found: (?:Table|Dataset) (\S+)")


@dataclass(frozen=True)
class Statement:
    """A query, and the model or test that it belongs to."""

    name: str
    kind: str
    sql: str


@dataclass(frozen=True)
class Estimate:
    """What one statement would read: `bytes`, and `billed_bytes` with the least that is charged per table.

    `missing` names the table that must exist before that can be said; all else is then 0.
    """

    name: str
    kind: str
    bytes: int = 0
    billed_bytes: int = 0
    price: Decimal = Decimal(0)
    missing: str | None = None


@dataclass(frozen=True)
class Cost:
    """What all statements would read, the dearest first. Prices are in the currency of `price_per_tib`.

    `tells_bytes`: False when no statement reads a byte, as on a warehouse that only checks the SQL.
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


def costs(settings: Settings, statements: Sequence[Statement]) -> Cost:
    """Ask what each statement would read.

    Raises PermanentError naming the statement that the warehouse refuses, TransientError when it cannot be
    reached.
    """
    client = connect(settings, "dry_run")
    with ThreadPoolExecutor(PARALLEL) as pool:
        asked = [pool.submit(_estimate, client, settings, statement) for statement in statements]
        try:
            estimates = [each.result() for each in asked]
        finally:
            pool.shutdown(cancel_futures=True)
    return summed(estimates, settings.price_per_tib)


def summed(estimates: Sequence[Estimate], price_per_tib: Decimal) -> Cost:
    """Put the estimates in order and add them up."""
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
        found = ask(client, statement.sql, settings.query_timeout_s)
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
    """The bytes charged for a query that reads so many bytes of so many tables.

    Of each table at least 10 MiB. How `read` divides among the tables is not told, so where some are smaller
    and some larger than that, up to 10 MiB a table more may be charged.
    """
    return max(read, tables * SMALLEST_READ)
