"""Run every scenario of scenarios.yml on every structure that it applies to.

The vault loads batches one by one, several at once and one late; repeats old loads; and loads the whole
history at once. Each time it must return, as of every load, exactly the states delivered until then.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import psycopg
import pytest

from config.errors import PermanentError
from config.settings import Settings
from ingestion.batch import run_batch
from metadata.spec import Catalog
from warehouse.client import connect
from warehouse.queries import query

from . import checks
from . import scenarios as s
from .deliveries import catalog
from .history import EMPTY_LOAD, Vault, our_project, run_loads, same_rows, warehouse
from .scenarios import Scenario

pytestmark = pytest.mark.services

SCENARIOS = s.read()
TABLES = {
    s.SATELLITE: "sat_thing__details",
    s.LINK: "eff_sat_assignment",
    s.GROUP: "sat_phone__details",
    s.REFERENCE: "ref_code",
    s.STATUS: "sat_thing__status",
    s.EVENT: "sat_visit__details",
}
CODES = catalog().table("test.codes")


@pytest.fixture(scope="module")
def vaults(
    settings: Settings, offline: Path, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Vault]:
    """Return the vault at each stage."""
    folder = tmp_path_factory.mktemp("history")
    return run_loads(warehouse(settings, our_project(folder, offline), folder), SCENARIOS)


@pytest.fixture(scope="module")
def readers(vaults: Mapping[str, Vault]) -> Mapping[str, checks.Reader]:
    """Return a reader for each vault."""
    return {stage: checks.Ours(vault) for stage, vault in vaults.items()}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_nothing_is_lost(
    readers: Mapping[str, checks.Reader],
    scenario: Scenario,
    record_property: Callable[[str, object], None],
) -> None:
    lost = {}
    for structure in scenario.structures:
        lost[structure] = [
            f"{stage}: {loss}"
            for stage, reader in readers.items()
            for loss in checks.losses(scenario, structure, reader, stage)
        ]
        record_property("history", ("ours", scenario.name, structure, lost[structure]))
    assert not any(lost.values()), lost


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_only_changes_add_versions(readers: Mapping[str, checks.Reader], scenario: Scenario) -> None:
    reader = readers[s.AT_ONCE]
    found = [checks.wrong_versions(scenario, structure, reader) for structure in scenario.structures]
    assert not any(found), found


def test_key_and_load_time_are_unique(vaults: Mapping[str, Vault]) -> None:
    for stage, vault in vaults.items():
        for name in (name for name in vault if name.startswith(("sat_", "eff_sat_", "ref_"))):
            (key,) = {column for column in vault[name][0] if column.endswith("_hk")} - {"link_assignment_hk"}
            keys = [(row[key], row["load_dts"]) for row in vault[name]]
            assert len(keys) == len(set(keys)), f"{name}, {stage}"
            assert None not in {key for key, _ in keys}


def test_the_whole_history_at_once_gives_the_same_vault(vaults: Mapping[str, Vault]) -> None:
    assert same_rows(vaults[s.AT_ONCE]) == same_rows(vaults[s.REPLAYED])


@pytest.mark.parametrize("times", [0, 2], ids=["lost", "doubled"])
@pytest.mark.parametrize(("structure", "table"), TABLES.items())
def test_the_checks_find_lost_and_duplicate_rows(
    vaults: Mapping[str, Vault], structure: str, table: str, times: int
) -> None:
    vault = vaults[s.LOADED]
    reader = checks.Ours({**vault, table: vault[table] * times})
    unnoticed = [
        each.name
        for each in SCENARIOS
        if structure in each.structures and not each.is_excluded and each.stage == s.LOADED
        if not checks.losses(each, structure, reader, s.LOADED)
    ]
    assert unnoticed == []


def test_hash_keys_follow_the_rules_of_docs_hashing(vaults: Mapping[str, Vault]) -> None:
    hub = vaults[s.AT_ONCE]["hub_thing"]
    expected = {each.key: netstring_hash(each.key) for each in SCENARIOS if None not in each.key}
    assert {(row["region"], row["code"]): row["thing_hk"] for row in hub} == expected
    assert len(hub) == len(expected) == len(set(expected.values()))


@pytest.mark.parametrize(
    "rows",
    ["('a', 'b', 'one'), ('a', 'b', 'two')", "('a', 'b', 'one'), ('a', null, 'two')"],
    ids=["two different rows with one key", "a row with an incomplete key"],
)
def test_rows_with_ambiguous_keys_are_rejected_before_raw(
    settings: Settings, source_dsn: str, rows: str
) -> None:
    """The source keeps the rows, and the batch is not completed."""
    columns = ", ".join(f"{each.name} {each.type}" for each in CODES.columns)
    statements = f"""drop schema if exists test cascade; create schema test;
        create table test.codes ({columns}); insert into test.codes (region, code, name) values {rows}"""
    with psycopg.connect(source_dsn, autocommit=True, connect_timeout=10) as source:
        source.execute(statements.encode())
    refusal = r"test\.codes: [12] rows repeat or lack the key \(region, code\)"
    with pytest.raises(PermanentError, match=refusal):
        run_batch(settings, Catalog(tables=(CODES,), hubs=()))
    completed = f"""select batch_id from {settings.dataset("audit")}.batches
        where batch_id > {EMPTY_LOAD} and status = 'completed'"""
    assert query(connect(settings), completed) == []


def netstring_hash(parts: Iterable[str | None]) -> bytes:
    """Return the MD5 of the encoded parts, implemented independently of the macros."""
    texts = (None if part is None else part.encode() for part in parts)
    encoded = b"".join(b"~," if text is None else b"%d:%s," % (len(text), text) for text in texts)
    return hashlib.md5(encoded).digest()
