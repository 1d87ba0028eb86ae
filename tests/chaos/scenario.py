"""Run one scenario on two platforms, day by day: one undisturbed, the other with injected failures.

Each day adds rows to the source. Both platforms load it and build every few days. On the disturbed one, a
failure is injected into a step; then the step runs again and must succeed. Random times are drawn from the
duration of the undisturbed step just before. A failure that still came too late is repeated on a later day.
"""

import random
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from audit.reconciliation.reconcile import reconcile
from config.settings import Settings
from metadata.load import load_catalog
from metadata.reconciliation import load_reconciliation
from sandbox import postgres, warehouse
from sandbox.simulation import simulate
from tests.chaos.content import Table, contents, differences
from tests.chaos.failures import Failure, Step, shuffled
from tests.chaos.fault_injection import Injection, inject
from tests.chaos.process import finish

FIRST_DAY = date(2016, 3, 1)
LAST_FEW = 3
STEPS: tuple[Step, ...] = ("ingest", "build")


@dataclass(frozen=True)
class Scenario:
    """Parameters of a scenario.

    `select`: what dbt builds, by default everything. `first_days`: days in the first batch. `scale`: size of
    the business. A build runs every `build_every` days, with at most `failures_per_build` failures.
    """

    failures: Mapping[Step, tuple[Failure, ...]]
    seed: int
    select: Sequence[str] = ()
    first_days: int = 5
    scale: float = 0.02
    build_every: int = 1
    failures_per_build: int = 1


@dataclass(frozen=True)
class InjectedFailure:
    """An injected failure: day, seconds after the start of the step, and exit code of the run."""

    day: int
    step: Step
    failure: str
    after_s: float
    exit_code: int

    def __str__(self) -> str:
        return (
            f"day {self.day} {self.step}: {self.failure}, after {self.after_s:.2f} s, exit {self.exit_code}"
        )


@dataclass
class Outcome:
    """Result of a scenario: injected failures, how many came too late, and content of both platforms."""

    failures: list[InjectedFailure] = field(default_factory=list)
    too_late: int = 0
    days: int = 0
    undisturbed: Mapping[str, Table] = field(default_factory=dict)
    disturbed: Mapping[str, Table] = field(default_factory=dict)

    @property
    def differences(self) -> list[str]:
        """Return a line for every table that differs."""
        return differences(self.undisturbed, self.disturbed)


class _Runner:
    """Runs one scenario."""

    def __init__(self, scenario: Scenario, undisturbed: Settings, disturbed: Settings) -> None:
        self._scenario, self._undisturbed, self._disturbed = scenario, undisturbed, disturbed
        self._random = random.Random(scenario.seed)
        self._remaining = {step: deque(shuffled(scenario.failures[step], self._random)) for step in STEPS}
        self._seconds: dict[Step, list[float]] = {step: [] for step in STEPS}
        self._max_too_late = sum(map(len, self._remaining.values()))
        self.outcome = Outcome()

    def run_scenario(self) -> Outcome:
        """Run days until every failure has been injected."""
        self._day()
        while any(self._remaining.values()):
            self._day()
        if self.outcome.days % self._scenario.build_every:
            self._step("build")
        self.outcome.undisturbed, self.outcome.disturbed = (
            contents(self._undisturbed),
            contents(self._disturbed),
        )
        return self.outcome

    def _day(self) -> None:
        for settings in (self._undisturbed, self._disturbed):
            _simulate_day(settings, self._scenario, self.outcome.days)
        self.outcome.days += 1
        self._step("ingest")
        if self.outcome.days % self._scenario.build_every == 0:
            self._step("build")

    def _step(self, step: Step) -> None:
        self._seconds[step].append(finish(self._undisturbed, step, self._scenario.select))
        for _ in range(self._scenario.failures_per_build if step == "build" else 1):
            if self._remaining[step] and self._succeeds_despite_failure(step):
                return
        finish(self._disturbed, step, self._scenario.select)

    def _succeeds_despite_failure(self, step: Step) -> bool:
        """Inject the next failure into the step; return whether the run succeeded nevertheless."""
        failure = self._remaining[step].popleft()
        injection = Injection(failure, self._random.random() * min(self._seconds[step][-LAST_FEW:]))
        result = inject(self._disturbed, step, self._scenario.select, injection, self._random)
        injected = InjectedFailure(self.outcome.days, step, str(failure), result.after_s, result.exit_code)
        if result.is_too_late:
            self.outcome.too_late += 1
            assert self.outcome.too_late <= self._max_too_late, "most failures come too late"
            self._remaining[step].append(failure)
            print(f"too late: {injected}", flush=True)
        else:
            self.outcome.failures.append(injected)
            print(f"{len(self.outcome.failures):3} {injected}", flush=True)
        return result.exit_code == 0


def run_scenario(scenario: Scenario) -> Outcome:
    """Run a scenario and return its result. AssertionError if a run ends unexpectedly."""
    with _platform() as undisturbed, _platform() as disturbed:
        outcome = _Runner(scenario, undisturbed, disturbed).run_scenario()
        if not scenario.select:
            assert _totals(disturbed) == _totals(undisturbed)
        return outcome


@contextmanager
def _platform() -> Iterator[Settings]:
    """Start a separate source and warehouse, which can be killed without effect on other tests."""
    with TemporaryDirectory(prefix="wwi-chaos-", ignore_cleanup_errors=True) as folder:
        settings = Settings(home=Path(folder), _env_file=None)
        try:
            postgres.up(settings)
            warehouse.up(settings)
            yield settings
        finally:
            warehouse.down(settings)
            postgres.down(settings)


def _simulate_day(settings: Settings, scenario: Scenario, days: int) -> None:
    """Simulate the next day; `days`: number of calls so far."""
    if days == 0:
        simulate(settings, first=FIRST_DAY, days=scenario.first_days, scale=scenario.scale)
    else:
        simulate(settings, days=1)
    # the local source commits asynchronously; write everything, so that a kill loses nothing
    with psycopg.connect(postgres.up(settings)["admin_dsn"], autocommit=True, connect_timeout=10) as admin:
        admin.execute("checkpoint")


def _totals(settings: Settings) -> list[tuple[object, ...]]:
    """Return every control total in every layer; they must agree."""
    catalog = load_catalog()
    found = reconcile(settings, catalog, load_reconciliation(catalog))
    assert not found.differences, found.differences
    assert not found.vault_is_behind
    return [(each.table, each.control, each.layer, each.value, each.days) for each in found.comparisons]
