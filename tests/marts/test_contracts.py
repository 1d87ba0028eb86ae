"""Contracts, data tests, SQL and reconciliation must agree."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from metadata.load import load_catalog
from metadata.reconciliation import load_reconciliation

MARTS = Path(__file__).parents[2] / "vault" / "models" / "marts"
MODELS: dict[str, dict[str, Any]] = {
    model["name"]: model
    for file in sorted(MARTS.glob("*.yml"))
    for model in yaml.safe_load(file.read_text()).get("models", [])
}
# Views have the rows of their table; its columns are tested there.
VIEWS = {name for name, model in MODELS.items() if model["config"].get("materialized") == "view"}
# Not attributes of a member: the version's own columns, and the one the source cannot fill.
NO_ATTRIBUTES = {"valid_from", "valid_to", "lineage_key", "location"}


def test_every_mart_has_a_contract() -> None:
    assert {file.stem for file in MARTS.glob("*.sql")} == set(MODELS)
    assert [name for name, model in MODELS.items() if not model["config"]["contract"]["enforced"]] == []


@pytest.mark.parametrize("name", MODELS)
def test_columns_have_type_and_description(name: str) -> None:
    incomplete = [
        column["name"]
        for column in MODELS[name]["columns"]
        if not column.get("data_type") or not re.fullmatch(r"[A-Zd].*\.", column.get("description", ""), re.S)
    ]
    assert incomplete == []


@pytest.mark.parametrize("name", MODELS)
def test_description_begins_with_the_grain(name: str) -> None:
    assert MODELS[name]["description"].startswith("One row per ")


@pytest.mark.parametrize("name", sorted(set(MODELS) - VIEWS - {"dim_date"}))
def test_not_null_columns_have_a_test(name: str) -> None:
    """The emulator does not support NOT NULL, so a data test checks every such constraint."""
    columns = MODELS[name]["columns"]
    constrained = {
        column["name"] for column in columns if {"type": "not_null"} in column.get("constraints", [])
    }
    one_by_one = {column["name"] for column in columns if "primary_key" in column.get("data_tests", [])}
    assert constrained == one_by_one | set(_arguments(name, "never_null")["columns"])


@pytest.mark.parametrize(
    "name", sorted(name for name in set(MODELS) - VIEWS if name.startswith("dim_") and name != "dim_date")
)
def test_versions_are_compared_in_every_attribute(name: str) -> None:
    """The SQL that starts a version and the test for versions without a change list all attributes."""
    key, member, *rest = (column["name"] for column in MODELS[name]["columns"])
    attributes = set(rest) - NO_ATTRIBUTES
    listed = re.search(r"set unknown = \{(.*?)\n\}", (MARTS / f"{name}.sql").read_text(), re.S)
    # a code list has only its name: macro code_list_dimension
    compared = re.findall(r"'(\w+)':", listed[1]) if listed else [name.removeprefix("dim_")]
    assert {*compared, "is_deleted"} == attributes
    assert set(_arguments(name, "versions_differ")["attributes"]) == attributes
    assert _arguments(name, "versions_touch") == {"key": key, "member": member}


@pytest.mark.parametrize("name", sorted(name for name in MODELS if name.startswith("fct_")))
def test_a_nullable_source_value_only_warns(name: str) -> None:
    """Every column of a fact without a constraint is nullable on purpose, or a test checks its nulls."""
    columns = MODELS[name]["columns"]
    free = {column["name"] for column in columns if not column.get("constraints")}
    judged = {
        column
        for column, ends in _arguments(name, "plausible")["values"].items()
        if "is not null" in ([ends] if isinstance(ends, str) else ends)
    }
    documented = {column["name"] for column in columns if "null" in column["description"]}
    assert free - judged <= documented
    assert judged <= free


def test_only_plausibility_tests_check_values() -> None:
    """If a test of a range or expression had severity error, one odd value would stop all loads."""
    text = "".join(file.read_text() for file in MARTS.glob("_[fm]*.yml"))
    text += (MARTS / "_dimensions.yml").read_text()
    assert "dbt_utils." not in text


def test_reconciled_columns_exist_in_their_fact() -> None:
    facts = load_reconciliation(load_catalog())
    assert {fact.name for fact in facts} == {name for name in MODELS if name.startswith("fct_")}
    unknown = [
        (fact.name, column)
        for fact in facts
        for column in fact.measures.values()
        if column not in {entry["name"] for entry in MODELS[fact.name]["columns"]}
    ]
    assert unknown == []


# Prices and rates are not additive.
NO_MEASURES = {"unit_price", "tax_rate"}


def test_every_measure_of_every_fact_is_reconciled() -> None:
    """Every number except keys and prices is compared with a total of the source."""
    compared = {
        (fact.name, column)
        for fact in load_reconciliation(load_catalog())
        for column in fact.measures.values()
    }
    loose = {
        (name, column["name"])
        for name, model in MODELS.items()
        if name.startswith("fct_")
        for column in model["columns"]
        if re.match("INT64|NUMERIC|FLOAT64", column["data_type"], re.IGNORECASE)
        and not re.search("_(key|id|number)$", column["name"])
        and column["name"] not in NO_MEASURES
    }
    assert loose - compared == set()


def test_a_fact_of_several_tables_distinguishes_their_rows() -> None:
    facts = load_reconciliation(load_catalog())
    names = [fact.name for fact in facts]
    assert {fact.name for fact in facts if fact.where} == {name for name in names if names.count(name) > 1}


def _arguments(model: str, test: str) -> dict[str, Any]:
    """Return the arguments of a model's only test of that kind."""
    (found,) = (entry[test]["arguments"] for entry in MODELS[model]["data_tests"] if test in entry)
    return dict(found)
