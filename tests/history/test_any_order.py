"""Test that the vault is identical for any order of batches.

Random histories of many keys are in raw. Their loads are completed in random order and groups, with repeated
loads and a failed build, and compared with a vault that loaded everything in order at once. The test name has
the seed, which repeats the test; WWI_HISTORY_ORDERS sets the number of orders.
"""

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from config.settings import Settings
from tests.vault.conftest import Sandbox
from transform.build_report import BuildFailedError
from warehouse.queries import execute

from . import scenarios as s
from .history import load_raw, our_project, same_rows, vault_of, warehouse
from .scenarios import Delivered, Scenario, State

pytestmark = pytest.mark.services

ORDERS = int(os.environ.get("WWI_HISTORY_ORDERS", "1"))
KEYS = 60
HISTORY_SEED = 20130101
MODELS = ("staging,resource_type:model", "raw_vault,resource_type:model")
# a delete before the first load of its key fails data tests, correctly
NO_TESTS = "\ndata_tests:\n  +enabled: false\n"
BROKEN = "models/raw_vault/sats/eff_sat_assignment.sql"
ALIKE = ("a", "A", " a", "a ", "a\n", "", None, "~,", "a||b", "b")
PARTS = ("a", "A", "a||", "a,1:b", "", "b ")


@dataclass(frozen=True)
class Step:
    """Loads to complete, load marks to delete, and a build, which may fail.

    A failed build is not cleaned up before the next step, which may have an older load.
    """

    completed: tuple[int, ...]
    deleted_marks: tuple[int, ...]
    fails: bool


def histories(rng: random.Random) -> list[Scenario]:
    """Return random states of many similar keys; few states, so that they often repeat."""
    return [
        Scenario(
            name=f"key {number}",
            key=(f"{rng.choice(PARTS)}{number // 6}", rng.choice(PARTS) + str(number)),
            loads=_loads(rng),
            versions=None,
            duplicate=None,
            stage=s.LOADED,
            is_excluded=False,
        )
        for number in range(KEYS)
    ]


def _loads(rng: random.Random) -> dict[int | str, Delivered]:
    first, *later = [load for load in s.LOADS if rng.random() < 0.6] or [4]
    return {first: _state(rng)} | {load: None if rng.random() < 0.2 else _state(rng) for load in later}


def _state(rng: random.Random) -> State:
    return {"name": rng.choice(ALIKE[: rng.choice((2, 10))]), "note": rng.choice(("x", "X", None))}


def steps(rng: random.Random) -> list[Step]:
    """Return all loads in random order and groups; marks of earlier loads may be deleted before a build."""
    order, found, done = rng.sample(s.LOADS, len(s.LOADS)), [], []
    while order:
        size = rng.randint(1, 3)
        completed, order = order[:size], order[size:]
        deleted_marks = [load for load in done if rng.random() < 0.2]
        found.append(Step(tuple(completed), tuple(deleted_marks), fails=bool(order) and rng.random() < 0.4))
        done += completed
    return found


@dataclass(frozen=True)
class World:
    """A warehouse with all loads in raw, and the vault after loading them at once."""

    sandbox: Sandbox
    measure: dict[str, list[str]]

    def reset(self) -> None:
        """Drop the vault and its load marks, and make all batches incomplete."""
        client, settings = self.sandbox.client, self.sandbox.settings
        for table in ("vault_loads", "batches"):
            execute(client, f"delete from {settings.dataset('audit')}.{table} where true")
        for name in self.measure:
            execute(client, f"drop table {settings.dataset('raw_vault')}.{name}")

    def run(self, step: Step) -> None:
        """Run one step."""
        for load in step.completed:
            self.sandbox.complete(load)
        if step.deleted_marks:
            listed = ", ".join(map(str, step.deleted_marks))
            self.sandbox.forget_loads(f"batch_id in ({listed})")
        if not step.fails:
            self.sandbox.build(*MODELS)
            return
        model = self.sandbox.project / BROKEN
        sound = model.read_text()
        model.write_text(sound.replace('"link_assignment_hk"', '"no_such_column"'))
        with pytest.raises(BuildFailedError, match="no_such_column"):
            self.sandbox.build(*MODELS)
        model.write_text(sound)


@pytest.fixture(scope="module")
def world(settings: Settings, offline: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Return the world with all loads in raw, loaded at once."""
    folder = tmp_path_factory.mktemp("any_order")
    project = our_project(folder, offline)
    with (project / "dbt_project.yml").open("a") as settings_file:
        settings_file.write(NO_TESTS)
    sandbox = warehouse(settings, project, folder)
    drawn = histories(random.Random(HISTORY_SEED))
    for load in s.LOADS:
        load_raw(sandbox, load, drawn)
        sandbox.complete(load)
    sandbox.build(*MODELS)
    measure = same_rows(vault_of(sandbox))
    assert all(measure.values()), "tables without rows prove nothing"
    return World(sandbox, measure)


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(1, ORDERS + 1))
def test_any_order_of_loads_gives_the_same_vault(world: World, seed: int) -> None:
    drawn = steps(random.Random(seed))
    print(*drawn, sep="\n")
    world.reset()
    for step in drawn:
        world.run(step)
    found = same_rows(vault_of(world.sandbox))
    assert [name for name in world.measure if found[name] != world.measure[name]] == []


def test_the_random_orders_include_late_loads_repeats_and_failures() -> None:
    drawn: Sequence[Step] = [step for seed in range(1, 3) for step in steps(random.Random(seed))]
    arrivals = [steps(random.Random(seed)) for seed in range(1, 3)]
    assert any(step.fails for step in drawn)
    assert any(step.deleted_marks for step in drawn)
    assert any(len(step.completed) > 1 for step in drawn)
    assert all(max(order[0].completed) > min(order[-1].completed) for order in arrivals)
