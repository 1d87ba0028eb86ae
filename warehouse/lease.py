"""The lease: exclusive right to write to the warehouse, a row in `<prefix>_audit.leases`.

The row says who holds the lease and until when. One UPDATE acquires it and succeeds only when nobody else
holds it; the holder renews it long before it expires and releases it at the end. All times are those of the
warehouse, because the clocks of two machines can differ by more than the lease duration.

Why this is exclusive on BigQuery: two UPDATEs of the same partition at the same time conflict. BigQuery
repeats the later one on the result of the earlier one, up to three times, then fails it. If two runs find
the lease free, one commits and the other finds it taken. A MERGE that inserts a missing row would not work:
statements that only insert never conflict. So the row is created first. If two runs create two rows, both
rows are acquired together, because the condition covers the whole table. See "DML statement conflicts" in
BigQuery's documentation.

A killed holder keeps the lease until it expires. If it ran on this machine, the next run sees that the
process has ended and takes over at once.
"""

import logging
import random
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from google.cloud.bigquery import Client

from config.errors import ConcurrentWriteError, MissingInWarehouseError, PermanentError, TransientError
from config.processes import this_process
from config.settings import Settings
from metadata.errors import WwiError
from warehouse.lease_holder import NAME, current, is_abandoned, own_lease_ids
from warehouse.ledger.tables import DESCRIPTION, layout, table_name
from warehouse.queries import Parameter, execute
from warehouse.tables import ensure_dataset, ensure_table

logger = logging.getLogger(__name__)


ATTEMPTS = 6


RELEASE_TIMEOUT_S = 30


class LeaseLostError(TransientError):
    """The lease expired or was taken over. Another run may be writing, so this one must stop."""


@contextmanager
def hold(
    client: Client, settings: Settings, step: str, *, on_lost: Callable[[], None] | None = None
) -> Iterator["Lease"]:
    """Hold the lease of the warehouse while the block runs, for `step`: "ingest", "build".

    `on_lost` is called in another thread as soon as the lease is known to be lost. Raises PermanentError
    with the run that holds the lease, TransientError when the warehouse cannot be reached, and
    LeaseLostError instead of a KeyboardInterrupt that `on_lost` caused.
    """
    lease = Lease(client, settings, step)
    lease.acquire()
    keeper = threading.Thread(target=lease.keep, args=(on_lost,), name="wwi-lease", daemon=True)
    keeper.start()
    try:
        yield lease
    except KeyboardInterrupt:
        lease.check()
        raise
    finally:
        lease.release()
        keeper.join(RELEASE_TIMEOUT_S)


def interrupter() -> Callable[[], None] | None:
    """Return a function that interrupts this thread as Ctrl-C does; None if it is not the main thread."""
    main = threading.main_thread()
    if threading.current_thread() is not main or main.ident is None:
        return None
    thread = main.ident
    # A signal, unlike _thread.interrupt_main, also wakes a waiting thread. Not SIGINT: background jobs of a
    # shell script ignore it.
    signal.signal(signal.SIGUSR2, signal.default_int_handler)
    return lambda: signal.pthread_kill(thread, signal.SIGUSR2)


class Lease:
    """A lease held by one step. Created by `hold`."""

    def __init__(self, client: Client, settings: Settings, step: str) -> None:
        self._client, self._settings, self._step = client, settings, step
        self._id = uuid.uuid4().hex
        self._process = this_process()
        self._until = float(
            "-inf"
        )  # on this machine's monotonic clock; the lease in the warehouse ends later
        self._ended, self._lost = threading.Event(), threading.Event()

    def check(self) -> None:
        """Raise LeaseLostError when the lease is known to be lost. Sends no query."""
        if self._lost.is_set():
            raise LeaseLostError(
                f"{self._step}: the lease of the warehouse is lost: it could not be renewed in time, or "
                "another run took it over. The run stopped; its data are kept. Run again to finish it."
            )

    def confirm(self) -> None:
        """Extend the lease so that it lasts for another statement. Call before what cannot be undone.

        Raises LeaseLostError when it is lost, TransientError when the warehouse cannot be reached.
        """
        self.check()
        if not self._extend(self._settings.query_timeout_s + self._settings.lease_s):
            self._lost.set()
        self.check()

    def acquire(self) -> None:
        """Acquire the lease. Raises PermanentError with the holder when another run has it."""
        own_lease_ids.add(self._id)
        try:
            self._acquire()
        except PermanentError:
            own_lease_ids.discard(self._id)
            raise
        except BaseException:
            # without an answer the statement may have succeeded
            self.release(logging.DEBUG)
            raise

    def _acquire(self) -> None:
        gone = ""
        for attempt in range(ATTEMPTS):
            try:
                if self._take(gone):
                    return
                found = current(self._client, self._settings)
                if found is None:
                    self._make_row()
                elif not found.is_live:
                    time.sleep(random.uniform(0, 0.1))  # just released
                elif not is_abandoned(found, self._process):
                    raise PermanentError(
                        f"another run is at work: {found}. Wait until it has ended. If it was killed on "
                        f"another machine, its lease expires at {found.expires_at:%Y-%m-%d %H:%M:%S} UTC."
                    )
                else:
                    logger.warning("taking over the lease of a run that has ended: %s", found)
                    gone = found.holder
            except MissingInWarehouseError:
                self._make_table()
            except ConcurrentWriteError:
                time.sleep(random.uniform(0, 0.2 * 2**attempt))
        raise TransientError("the lease of the warehouse changes hands too quickly. Run again.")

    def _take(self, gone: str) -> bool:
        """Acquire the lease if nobody holds it, or only `gone` does."""
        asked = _monotonic_s()
        taken = self._execute(
            f"""
            update {self._table}
            set holder = @holder, step = @step, host = @host, machine = @machine, pid = @pid,
                started_at = @started_at, start_ticks = @start_ticks, acquired_at = current_timestamp(),
                expires_at = timestamp_add(current_timestamp(), interval @seconds second)
            where name = '{NAME}' and not exists (
                select 1 from {self._table} as held
                where held.name = '{NAME}' and held.expires_at > current_timestamp() and held.holder != @gone
            )
            """,
            {
                "holder": self._id,
                "step": self._step,
                "host": self._process.host,
                "machine": self._process.machine,
                "pid": self._process.pid,
                "started_at": self._process.started_at,
                "start_ticks": self._process.start_ticks or 0,
                "seconds": self._settings.lease_s,
                "gone": gone,
            },
            self._settings.query_timeout_s,
        )
        self._until = asked + self._settings.lease_s
        return taken > 0

    def keep(self, on_lost: Callable[[], None] | None) -> None:
        """Renew the lease until it is released or lost. Runs in its own thread."""
        while not self._ended.wait(self._settings.lease_s / 3):
            try:
                renewed = self._extend(self._settings.lease_s)
            except WwiError as error:
                logger.warning("could not renew the lease of the warehouse: %s", error)
                renewed = _monotonic_s() < self._until
            if not renewed and not self._ended.is_set():
                self._lost.set()
                logger.warning("%s: the lease of the warehouse is lost", self._step)
                if on_lost:
                    on_lost()
                return

    def _extend(self, seconds: int) -> bool:
        """Extend the lease to `seconds` from now. Returns False when this run no longer holds it."""
        asked = _monotonic_s()
        renewed = self._execute(
            f"""
            update {self._table}
            set expires_at = timestamp_add(current_timestamp(), interval @seconds second)
            where name = '{NAME}' and holder = @holder
            """,
            {"seconds": seconds, "holder": self._id},
            max(self._settings.lease_s / 3, 1),
        )
        if renewed:
            self._until = asked + seconds
        return renewed > 0

    def release(self, level: int = logging.WARNING) -> None:
        """Release the lease if this run holds it. A failure is only logged at `level`: the lease expires."""
        self._ended.set()
        try:
            self._execute(
                f"""
                update {self._table} set holder = '', expires_at = current_timestamp()
                where name = '{NAME}' and holder = @holder
                """,
                {"holder": self._id},
                RELEASE_TIMEOUT_S,
            )
        except WwiError as error:
            logger.log(level, "could not release the lease of the warehouse, it will expire: %s", error)
        finally:
            own_lease_ids.discard(self._id)

    def _make_row(self) -> None:
        self._execute(
            f"""
            insert into {self._table} (name, holder, expires_at)
            select '{NAME}', '', current_timestamp() from unnest([1])
            where not exists (select 1 from {self._table} where name = '{NAME}')
            """,
            {},
            self._settings.query_timeout_s,
        )

    def _make_table(self) -> None:
        ensure_dataset(self._client, self._settings, "audit", DESCRIPTION)
        ensure_table(self._client, layout(self._settings, "leases"))

    def _execute(self, sql: str, params: dict[str, Parameter], timeout_s: float) -> int:
        try:
            return execute(self._client, sql, params, timeout_s)
        except PermanentError as error:
            if "start_ticks" in str(error):  # the table was made by an earlier version
                raise MissingInWarehouseError(str(error)) from error
            raise

    @property
    def _table(self) -> str:
        return table_name(self._settings, "leases")


def _monotonic_s() -> float:
    """Return seconds on a monotonic clock, one that also runs during a suspend if the system has it."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)
