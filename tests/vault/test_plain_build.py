"""A plain `dbt build`, without a load plan, builds the same vault as `wwi build`, also for a late batch."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from config.settings import Settings
from tests import temporary_datasets
from transform.dbt_invocation import dbt_environment
from warehouse.client import connect

from .conftest import Sandbox, make_project
from .test_key_ranges import LOADS, RAW_TABLE, WIDTH, raw_layout, rows_of, vault_of

pytestmark = [pytest.mark.services, pytest.mark.proof]

TIMEOUT_S = 300
LATE = 3


@pytest.fixture(scope="module")
def twins(
    settings: Settings, offline: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Sandbox, Sandbox]]:
    """Return two warehouses for the same project: one is built by `wwi`, the other by plain dbt."""
    folder = tmp_path_factory.mktemp("plain")
    project = make_project(folder / "project", Path(__file__).parent / "ranges_project", offline)
    other = settings.model_copy(update={"dataset_prefix": temporary_datasets.new_prefix(settings, "plain")})
    with temporary_datasets.datasets(other):
        ours = Sandbox(connect(settings), settings, project, folder)
        plain = replace(ours, settings=other)
        for each in (ours, plain):
            each.create_tables([raw_layout(each.settings)])
        yield ours, plain


def dbt(sandbox: Sandbox, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run dbt as a person would, without this project's Python."""
    folders = ["--project-dir", sandbox.project, "--profiles-dir", sandbox.project]
    return subprocess.run(
        [Path(sys.executable).with_name("dbt"), *arguments, *folders],
        env={**os.environ, **dbt_environment(sandbox.settings)},
        capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip


def loads_of(sandbox: Sandbox) -> list[tuple[int, int]]:
    """Return the batches that are marked as loaded, with their hash versions."""
    return sorted((row["batch_id"], row["hash_version"]) for row in sandbox.rows("audit", "vault_loads"))


def test_a_plain_build_gives_the_same_vault(twins: tuple[Sandbox, Sandbox]) -> None:
    ours, plain = twins
    numbers = iter(range(1, 20))
    for batches in LOADS[:3]:
        for batch in batches:
            number = next(numbers)
            for each in twins:
                each.load_raw(number, {RAW_TABLE: rows_of(batch)})
                if number != LATE:
                    each.complete(number)
        ours.build()
        built = dbt(plain, "build")
        assert built.returncode == 0, built.stdout[-3000:]
        assert vault_of(plain) == vault_of(ours)
    for each in twins:
        each.complete(LATE)
    ours.build()
    assert dbt(plain, "build").returncode == 0
    assert vault_of(plain) == vault_of(ours)
    assert loads_of(plain) == loads_of(ours) == [(number, 1) for number in range(1, 5)]


def test_a_plain_partial_build_marks_nothing_and_a_full_one_corrects_it(
    twins: tuple[Sandbox, Sandbox],
) -> None:
    ours, plain = twins
    before = loads_of(plain)
    for each in twins:
        each.deliver(9, {RAW_TABLE: rows_of({2: ("z", 1), 7 * WIDTH: ("a", 1)})})
    ours.build()
    assert (
        dbt(plain, "build", "--select", "stg_wwi__parcels+", "--exclude", "link_parcel_depot").returncode == 0
    )
    assert loads_of(plain) == before
    assert dbt(plain, "build").returncode == 0
    assert (vault_of(plain), loads_of(plain)) == (vault_of(ours), loads_of(ours))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--full-refresh", "--select", "hub_parcel"], "must select all models of the vault"),
        (["--vars", "hash_version: 2"], "hashed with version 1"),
    ],
)
def test_a_plain_build_that_would_break_the_vault_is_refused(
    twins: tuple[Sandbox, Sandbox], arguments: list[str], reason: str
) -> None:
    _, plain = twins
    before = vault_of(plain)
    refused = dbt(plain, "build", *arguments)
    assert refused.returncode != 0
    assert reason in refused.stdout
    assert vault_of(plain) == before


def test_a_plain_full_refresh_gives_the_same_vault(twins: tuple[Sandbox, Sandbox]) -> None:
    ours, plain = twins
    assert dbt(plain, "build", "--full-refresh").returncode == 0
    assert (vault_of(plain), loads_of(plain)) == (vault_of(ours), loads_of(ours))
