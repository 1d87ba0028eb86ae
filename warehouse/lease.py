"""One writer at a time, whatever machine it runs on: a lease in the warehouse, `<prefix>_audit.leases`.

The lease is a row that says who holds it and until when. It is taken by one UPDATE that succeeds only when
nobody else holds it, renewed long before it expires, and given up at the end. All times are the warehouse's:
the clocks of two machines may differ by more than a lease lasts.

Why this excludes others on BigQuery: two UPDATEs that change the same partition at the same time conflict,
and BigQuery runs the later one again on what the earlier one has left, at most three times, then fails it. So
of two that both find the lease free one is committed, and the other finds it taken. A MERGE that inserts
the missing row would not do: statements that only insert never conflict, and two runs would both insert. The
row is therefore made before it is asked for; should two runs make two rows, both are taken together, for the
condition looks at the whole table. See "DML statement conflicts" in BigQuery's documentation.

A holder that was killed keeps the lease until it expires, unless it ran on this machine: then it is seen to
be gone and the lease is taken over at once.
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
from warehouse.lease_holder import NAME, current, held_here, is_abandoned
from warehouse.ledger.tables import DESCRIPTION, layout, table_name
from warehouse.queries import Parameter, execute
from warehouse.tables import ensure_dataset, ensure_table

logger = logging.getLogger(__name__)


ATTEMPTS = 6


RELEASE_TIMEOUT_S = 30


class LeaseLostError(TransientError):
    """The lease ran out or was taken over: another run may be at work, and this one must stop."""


@contextmanager
def hold(
    client: Client, settings: Settings, step: str, *, on_lost: Callable[[], None] | None = None
) -> Iterator["Lease"]:
    """Hold the lease of the warehouse while the block runs, for `step`: "ingest", "build".

    `on_lost` is called in another thread as soon as the lease is known to be lost. Raises PermanentError
    naming the run that holds the lease, TransientError when the warehouse cannot be reached, and
    LeaseLostError in place of the KeyboardInterrupt by which `on_lost` may have ended the block.
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
    """Return what ends a block of this thread as Ctrl-C would; None in a thread that gets no signals."""
    main = threading.main_thread()
    if threading.current_thread() is not main or main.ident is None:
        return None
    thread = main.ident
    # A signal, unlike _thread.interrupt_main, also wakes a thread that waits. It is not that of Ctrl-C, for a
    # script's background jobs ignore that.
    signal.signal(signal.SIGUSR2, signal.default_int_handler)
    return lambda: signal.pthread_kill(thread, signal.SIGUSR2)


class Lease:
    """The lease as one step holds it. Made by `hold`."""

    def __init__(self, client: Client, settings: Settings, step: str) -> None:
        self._client, self._settings, self._step = client, settings, step
        self._id = uuid.uuid4().hex
        self._process = this_process()
        self._until = float("-inf")  # by our own steady clock; the warehouse's lease ends later
        self._ended, self._lost = threading.Event(), threading.Event()

    def check(self) -> None:
        """Raise LeaseLostError when the lease is known to be lost. Asks nobody."""
        if self._lost.is_set():
            raise LeaseLostError(
                f"{self._step}: the lease of the warehouse is lost: it could not be renewed in time, or was "
                "taken over. What was under way is left as it is; run again to finish it."
            )

    def confirm(self) -> None:
        """Make sure, before what cannot be undone, that the lease lasts for another statement.

        Raises LeaseLostError when it is lost, TransientError when the warehouse cannot be reached.
        """
        self.check()
        if not self._extend(self._settings.query_timeout_s + self._settings.lease_s):
            self._lost.set()
        self.check()

    def acquire(self) -> None:
        """Take the lease. Raises PermanentError naming the holder when it cannot be had."""
        held_here.add(self._id)
        try:
            self._acquire()
        except PermanentError:
            held_here.discard(self._id)
            raise
        except BaseException:
            # no answer is no refusal: the statement may have been done
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
                    time.sleep(random.uniform(0, 0.1))  # given up a moment ago
                elif not is_abandoned(found, self._process):
                    raise PermanentError(
                        f"another run is at work: {found}. Wait for it to end. If it was killed on another "
                        f"machine, its lease ends by itself at {found.expires_at:%Y-%m-%d %H:%M:%S} UTC."
                    )
                else:
                    logger.warning("taking over from a run that is gone: %s", found)
                    gone = found.holder
            except MissingInWarehouseError:
                self._make_table()
            except ConcurrentWriteError:
                time.sleep(random.uniform(0, 0.2 * 2**attempt))
        raise TransientError("the lease of the warehouse changes hands too quickly. Run again.")

    def _take(self, gone: str) -> bool:
        """Take the lease if nobody holds it, or only `gone` does."""
        asked = _steady_s()
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
        """Renew the lease until it is given up or lost. Runs in a thread of its own."""
        while not self._ended.wait(self._settings.lease_s / 3):
            try:
                renewed = self._extend(self._settings.lease_s)
            except WwiError as error:
                logger.warning("the lease of the warehouse could not be renewed: %s", error)
                renewed = _steady_s() < self._until
            if not renewed and not self._ended.is_set():
                self._lost.set()
                logger.warning("%s: the lease of the warehouse is lost", self._step)
                if on_lost:
                    on_lost()
                return

    def _extend(self, seconds: int) -> bool:
        """Let the lease last `seconds` from now. Returns False when it is not ours any more."""
        asked = _steady_s()
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
        """Give the lease up, if it is still ours; log on `level` when that fails, for it ends by itself."""
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
            logger.log(
                level, "the lease of the warehouse could not be given up, it ends by itself: %s", error
            )
        finally:
            held_here.discard(self._id)

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


def _steady_s() -> float:
    """Seconds on a clock that nobody sets and that, where the system has one, also runs during a suspend."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)
