"""A story that two platforms live side by side, day by day: one in peace, the other among accidents.

Each day brings new rows. Both platforms load it, and every few days they build what has come in. One of them
is hit while it does so, then the same step is run to its end, which must simply succeed. The moments are
drawn from the time that the step took in peace just before, so that they lie within a run that has work to
do; an accident that came too late all the same does not count, and happens again on a later day.
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

from audit.reconcile import reconcile
from config.settings import Settings
from metadata.load import load_catalog
from metadata.reconciliation import load_reconciliation
from sandbox import postgres, warehouse
from sandbox.simulation import simulate
from tests.chaos.accidents import Accident, Step, shuffled
from tests.chaos.content import Table, contents, differences
from tests.chaos.fault_injection import Injection, inject
from tests.chaos.process import finish

FIRST_DAY = date(2016, 3, 1)
LAST_FEW = 3
STEPS: tuple[Step, ...] = ("ingest", "build")


@dataclass(frozen=True)
class Plot:
    """What the story is about.

    `select`: what dbt builds, nothing is all. `first_days`: the days that the first batch brings; `scale`: of
    the business. A build comes every `build_every` days, and is hit `hits_a_build` times at most.
    """

    accidents: Mapping[Step, tuple[Accident, ...]]
    seed: int
    select: Sequence[str] = ()
    first_days: int = 5
    scale: float = 0.02
    build_every: int = 1
    hits_a_build: int = 1


@dataclass(frozen=True)
class Hit:
    """An accident that hit a run at work: on which day, how many seconds after the work began, its end."""

    day: int
    step: Step
    accident: str
    after_s: float
    exit_code: int

    def __str__(self) -> str:
        return (
            f"day {self.day} {self.step}: {self.accident}, after {self.after_s:.2f} s, exit {self.exit_code}"
        )


@dataclass
class Lived:
    """The result of a story: the accidents, how many came too late, and what the two platforms hold."""

    hits: list[Hit] = field(default_factory=list)
    too_late: int = 0
    days: int = 0
    peace: Mapping[str, Table] = field(default_factory=dict)
    storm: Mapping[str, Table] = field(default_factory=dict)

    @property
    def differences(self) -> list[str]:
        """A line for every table that is not the same on both."""
        return differences(self.peace, self.storm)


class _Teller:
    """Tells one story."""

    def __init__(self, plot: Plot, peace: Settings, storm: Settings) -> None:
        self._plot, self._peace, self._storm = plot, peace, storm
        self._choice = random.Random(plot.seed)
        self._coming = {step: deque(shuffled(plot.accidents[step], self._choice)) for step in STEPS}
        self._seconds: dict[Step, list[float]] = {step: [] for step in STEPS}
        self._most_late = sum(map(len, self._coming.values()))
        self.lived = Lived()

    def tell(self) -> Lived:
        """Live the days until every accident has happened."""
        self._day()
        while any(self._coming.values()):
            self._day()
        if self.lived.days % self._plot.build_every:
            self._step("build")
        self.lived.peace, self.lived.storm = contents(self._peace), contents(self._storm)
        return self.lived

    def _day(self) -> None:
        for settings in (self._peace, self._storm):
            _live(settings, self._plot, self.lived.days)
        self.lived.days += 1
        self._step("ingest")
        if self.lived.days % self._plot.build_every == 0:
            self._step("build")

    def _step(self, step: Step) -> None:
        self._seconds[step].append(finish(self._peace, step, self._plot.select))
        for _ in range(self._plot.hits_a_build if step == "build" else 1):
            if self._coming[step] and self._is_done_by_a_hit(step):
                return
        finish(self._storm, step, self._plot.select)

    def _is_done_by_a_hit(self, step: Step) -> bool:
        """Hit the step; tell whether the run came to a good end all the same."""
        accident = self._coming[step].popleft()
        blow = Injection(accident, self._choice.random() * min(self._seconds[step][-LAST_FEW:]))
        struck = inject(self._storm, step, self._plot.select, blow, self._choice)
        hit = Hit(self.lived.days, step, str(accident), struck.after_s, struck.exit_code)
        if struck.came_too_late:
            self.lived.too_late += 1
            assert self.lived.too_late <= self._most_late, "most accidents come too late"
            self._coming[step].append(accident)
            print(f"too late: {hit}", flush=True)
        else:
            self.lived.hits.append(hit)
            print(f"{len(self.lived.hits):3} {hit}", flush=True)
        return struck.exit_code == 0


def tell(plot: Plot) -> Lived:
    """Run a story, and return its result. AssertionError when a run did not end as it should."""
    with _platform() as peace, _platform() as storm:
        lived = _Teller(plot, peace, storm).tell()
        if not plot.select:
            assert _totals(storm) == _totals(peace)
        return lived


@contextmanager
def _platform() -> Iterator[Settings]:
    """A source and a warehouse of their own, which can be killed without harm to other tests."""
    with TemporaryDirectory(prefix="wwi-chaos-", ignore_cleanup_errors=True) as folder:
        settings = Settings(home=Path(folder), _env_file=None)
        try:
            postgres.up(settings)
            warehouse.up(settings)
            yield settings
        finally:
            warehouse.down(settings)
            postgres.down(settings)


def _live(settings: Settings, plot: Plot, days: int) -> None:
    """Add to the source what happens on the next day; `days`: how many times that was done."""
    if days == 0:
        simulate(settings, first=FIRST_DAY, days=plot.first_days, scale=plot.scale)
    else:
        simulate(settings, days=1)
    # the sandbox commits without waiting for the disk: what a kill would lose is written now
    with psycopg.connect(postgres.up(settings)["admin_dsn"], autocommit=True, connect_timeout=10) as admin:
        admin.execute("checkpoint")


def _totals(settings: Settings) -> list[tuple[object, ...]]:
    """Every total of the source in every layer, all of which must be equal."""
    catalog = load_catalog()
    found = reconcile(settings, catalog, load_reconciliation(catalog))
    assert not found.differences, found.differences
    assert not found.vault_is_behind
    return [(each.table, each.control, each.layer, each.value, each.days) for each in found.comparisons]
