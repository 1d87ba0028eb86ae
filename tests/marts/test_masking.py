"""Personal columns are only in *_unmasked tables; the views of these tables mask them."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

MARTS = Path(__file__).parents[2] / "vault" / "models" / "marts"
MODELS: dict[str, dict[str, Any]] = {
    model["name"]: model
    for file in sorted(MARTS.glob("*.yml"))
    for model in yaml.safe_load(file.read_text()).get("models", [])
}
UNMASKED = "_unmasked"
TABLES = sorted(name for name in MODELS if name.endswith(UNMASKED))
MASKED = re.compile(r"{{ masked\('(\w+)'")


def personal(name: str) -> set[str]:
    """Return the columns of a mart that are marked as personal in meta."""
    return {
        column["name"]
        for column in MODELS[name]["columns"]
        if column.get("config", {}).get("meta", {}).get("sensitivity") == "personal"
    }


def sql(name: str) -> str:
    return (MARTS / f"{name}.sql").read_text()


@pytest.mark.parametrize("name", TABLES)
def test_the_view_masks_exactly_the_personal_columns(name: str) -> None:
    masked = MASKED.findall(sql(name.removesuffix(UNMASKED)))
    assert sorted(masked) == sorted(personal(name))
    assert masked


@pytest.mark.parametrize("name", TABLES)
def test_the_view_has_the_columns_of_its_table(name: str) -> None:
    table, view = (
        {column["name"]: column["data_type"] for column in MODELS[model]["columns"]}
        for model in (name, name.removesuffix(UNMASKED))
    )
    assert view == table
    assert MODELS[name.removesuffix(UNMASKED)]["config"]["materialized"] == "view"


def test_no_other_mart_has_a_personal_column() -> None:
    assert {name for name in MODELS if personal(name)} == set(TABLES)


def test_no_other_mart_reads_a_personal_satellite() -> None:
    readers = {name for name in MODELS if re.search(r"ref\('sat_\w+__personal'\)", sql(name))}
    assert readers
    assert readers <= set(TABLES)


def test_facts_read_no_personal_column_of_an_unmasked_table() -> None:
    taken = {
        (fact, column)
        for fact in MODELS
        if fact.startswith("fct_")
        for table, alias in re.findall(r"ref\('(\w+_unmasked)'\) }} as (\w+)", sql(fact))
        for column in re.findall(rf"\b{alias}\.(\w+)", sql(fact))
        if column in personal(table)
    }
    assert taken == set()
