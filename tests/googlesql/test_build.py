"""Test that Google's analyzer accepts every statement of a first and an incremental build."""

from pathlib import Path

import pytest

from tests.googlesql.analyzer import column
from tests.googlesql.conftest import Build, Typed

pytestmark = pytest.mark.proof

FUNCTIONS = Path(__file__).parent / "functions.txt"


def nodes(typed: Typed, kind: str) -> dict[str, str]:
    """Return the ids of the project's nodes of a kind, with their materialization."""
    found = typed.manifest["nodes"] | typed.manifest["unit_tests"]
    return {
        name: node.get("config", {}).get("materialized", "")
        for name, node in found.items()
        if node["resource_type"] == kind
    }


def test_the_first_build_is_accepted(first: Build, typed: Typed) -> None:
    assert first.code == 0, "\n".join(typed.warehouse.refused()) or first.output[-3000:]
    assert not typed.warehouse.refused()


def test_a_later_load_is_accepted(second: Build, typed: Typed) -> None:
    assert second.code == 0, "\n".join(typed.warehouse.refused()) or second.output[-3000:]
    assert not typed.warehouse.refused()


def test_the_first_build_creates_every_model(first: Build, typed: Typed) -> None:
    made = first.kinds("model.")
    expected = {"table": "CreateTableAsSelect", "incremental": "CreateTableAsSelect", "view": "CreateView"}
    wrong = [
        f"{name}: {made.get(name)}"
        for name, materialised in nodes(typed, "model").items()
        if expected[materialised] not in made.get(name, [])
    ]
    assert not wrong
    assert len(made) > 130


def test_a_later_load_merges_into_every_incremental_model(second: Build, typed: Typed) -> None:
    made = second.kinds("model.")
    incremental = [name for name, kind in nodes(typed, "model").items() if kind == "incremental"]
    assert len(incremental) > 70
    assert [name for name in incremental if made[name] != ["Merge"]] == [], "a model sends no other statement"


def test_every_data_test_and_unit_test_was_analysed(first: Build, typed: Typed) -> None:
    tests = nodes(typed, "test") | nodes(typed, "unit_test")
    assert len(tests) > 150
    assert set(tests) <= set(first.kinds("test.")) | set(first.kinds("unit_test."))


def test_a_load_sends_few_statements_besides_its_models(second: Build) -> None:
    """They read the ledger, the columns of three datasets, the key ranges, and rows since the first batch."""
    own = [each for each in second.sent if each.node is None]
    kinds = [kind for each in own for kind in each.kinds]
    assert kinds.count("Query") == 6
    assert (kinds.count("Delete"), kinds.count("Insert")) == (1, 1)
    late = "load_dts >= timestamp '2026-01-01 00:00:00.000001+00:00'"
    assert [late in each.sql for each in own if each.kinds == ("Delete",)] == [True]


def test_a_load_reads_the_touched_key_ranges(second: Build) -> None:
    ranges = "order_id between 1 and 10 or order_id between 20001 and 20002"
    for node in ("raw_vault.hub_order", "business_vault.pit_order", "business_vault.bridge_order"):
        name = f"model.wwi_vault.{node.partition('.')[2]}"
        assert any(ranges in each.sql for each in second.sent if each.node == name), name


def test_a_plain_build_marks_its_batches(first: Build) -> None:
    assert any("insert into" in each.sql and "`vault_loads`" in each.sql for each in first.sent)


def test_every_mart_has_the_columns_of_its_contract(first: Build, typed: Typed) -> None:
    marts = [
        node
        for node in typed.manifest["nodes"].values()
        if node["resource_type"] == "model" and node["config"]["contract"]["enforced"]
    ]
    assert len(marts) >= 8
    for mart in marts:
        promised = {name: column(name, each["data_type"]).type for name, each in mart["columns"].items()}
        assert typed.warehouse.columns(mart["schema"], mart["alias"]) == promised, mart["name"]


def test_only_documented_bigquery_functions_are_called(first: Build, second: Build) -> None:
    documented = set(FUNCTIONS.read_text().split())
    called = {name for each in (*first.sent, *second.sent) for name in each.functions}
    unknown = {name for name in called if not name.startswith("$")} - documented
    assert not unknown, f"look them up in BigQuery's reference, then add them to {FUNCTIONS.name}"


def test_every_hash_column_is_bytes(first: Build, typed: Typed) -> None:
    hashes = {
        f"{path[-1]}.{each.name}": each.type
        for path, columns in typed.warehouse.analyzer.tables.items()
        for each in columns
        if each.name.endswith(("_hk", "hashdiff"))
    }
    assert len(hashes) > 100
    assert [f"{name} is {kind}" for name, kind in hashes.items() if kind != "BYTES"] == []


def test_every_model_and_column_has_a_description(first: Build, typed: Typed) -> None:
    lacking = []
    for node in typed.manifest["nodes"].values():
        if node["resource_type"] == "model":
            described = {name.lower(): each["description"] for name, each in node["columns"].items()}
            made = typed.warehouse.columns(node["schema"], node["alias"])
            lacking += [] if node["description"] else [node["name"]]
            lacking += [f"{node['name']}.{name}" for name in made if not described.get(name.lower())]
            lacking += [
                f"{node['name']}.{name} is not made" for name in set(described) - set(map(str.lower, made))
            ]
    assert not lacking, "describe them in the YAML of their folder"


def test_every_source_table_and_column_has_a_description(typed: Typed, first: Build) -> None:
    lacking = []
    for source in typed.manifest["sources"].values():
        described = {name for name, each in source["columns"].items() if each["description"]}
        made = typed.warehouse.columns(source["schema"], source["identifier"])
        lacking += [] if source["description"] else [source["name"]]
        lacking += [f"{source['name']}.{name}" for name in set(made) - described]
    assert not lacking, "describe them in metadata/"
