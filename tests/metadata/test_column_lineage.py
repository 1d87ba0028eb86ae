"""Every source column is stored in the vault or excluded for a reason, and the docs say where."""

import re
from pathlib import Path

import pytest
import yaml

from metadata.codegen.docs.column_lineage import SECRET, location_of
from metadata.codegen.generate import DOCS_DIR, MODELS_DIR, difference, generated_documents
from metadata.load import load_catalog
from metadata.marts import load_marts
from metadata.spec import Table

CATALOG = load_catalog()
DOCUMENTS = generated_documents(CATALOG, MODELS_DIR)
MODELS = {
    model["name"]: {column["name"] for column in model["columns"]}
    for file in sorted((MODELS_DIR / "raw_vault").rglob("*.yml"))
    for model in yaml.safe_load(file.read_text())["models"]
}
STAGES = {
    model["name"]: {column["name"] for column in model["columns"]}
    for model in yaml.safe_load((MODELS_DIR / "staging" / "_wwi__models.yml").read_text())["models"]
}


@pytest.mark.parametrize("table", CATALOG.tables, ids=lambda table: table.qualified)
def test_every_column_is_stored_in_the_vault_or_secret(table: Table) -> None:
    for column in table.columns:
        found = location_of(table, column)
        if column.sensitivity == "secret":
            assert found == SECRET, column.name
        else:
            assert found.model is not None, f"{table.qualified}.{column.name} is not stored"
            assert found.column in MODELS[found.model], f"{table.qualified}.{column.name}: {found}"


@pytest.mark.parametrize("table", CATALOG.tables, ids=lambda table: table.qualified)
def test_the_storing_model_loads_the_column_from_the_stage_of_its_table(table: Table) -> None:
    """The SQL of the model contains stage and column, so the column is loaded and not only described."""
    for column in table.loaded_columns:
        found = location_of(table, column)
        (file,) = (MODELS_DIR / "raw_vault").rglob(f"{found.model}.sql")
        sql = file.read_text()
        assert f'"{table.stage_name}"' in sql, found
        assert f'"{found.column}"' in sql, found
        assert found.column in STAGES[table.stage_name], found


def test_no_two_columns_of_a_table_are_stored_in_one_place() -> None:
    for table in CATALOG.tables:
        locations = [location_of(table, column) for column in table.loaded_columns]
        assert len(locations) == len(set(locations)), table.qualified


def test_secret_columns_are_nowhere_below_the_source() -> None:
    secret = {
        column.name for table in CATALOG.tables for column in table.columns if column.sensitivity == "secret"
    }
    assert len(secret) == 6
    described = set().union(*MODELS.values(), *STAGES.values())
    assert not secret & described


def test_a_personal_column_is_stored_in_a_personal_satellite_only() -> None:
    personal = {
        f"sat_{table.vault.concept}__{satellite.topic}"
        for table in CATALOG.tables
        for satellite in getattr(table.vault, "satellites", ())
        if satellite.personal
    }
    for table in CATALOG.tables:
        for column in table.columns:
            if column.is_personal:
                assert location_of(table, column).model in personal, f"{table.qualified}.{column.name}"


def test_the_documents_are_current() -> None:
    assert not difference(DOCS_DIR, DOCUMENTS, (".",)), "run `make generate`"


def test_the_catalogue_has_every_column_and_every_personal_column_of_the_marts() -> None:
    text = DOCUMENTS["catalogue.md"]
    for table in CATALOG.tables:
        part = text.partition(f"### {table.qualified}\n")[2].partition("\n### ")[0]
        rows = re.findall(r"^\| `(\w+)` \|", part.partition("\n## ")[0], re.MULTILINE)
        assert tuple(rows) == table.column_names, table.qualified
    personal = text.partition("## Personal data\n")[2].partition("## Secret data\n")[0]
    listed = set(re.findall(r"^\| `([\w.]+)` \|", personal, re.MULTILINE))
    assert {
        f"{table.qualified}.{column.name}"
        for table in CATALOG.tables
        for column in table.columns
        if column.is_personal
    } <= listed
    marts = {
        (mart.name, column.name) for mart in load_marts() for column in mart.columns if column.is_personal
    }
    assert marts
    assert marts <= set(re.findall(r"^\| `(\w+)` \| `(\w+)` \|", personal, re.MULTILINE))


def test_the_diagrams_show_every_hub_link_and_fact() -> None:
    vault, star = DOCUMENTS["raw_vault.md"], DOCUMENTS["star.md"]
    drawn = set(re.findall(r"^    (\w+)[\[{]", vault, re.MULTILINE))
    assert drawn == {name for name in MODELS if name.startswith(("hub_", "link_", "nh_link_"))}
    assert {name for name in MODELS if name.startswith("ref_") and "__" not in name} == set(
        re.findall(r"^\| `(ref_\w+)`", vault, re.MULTILINE)
    )
    for mart in load_marts():
        if mart.is_fact:
            part = star.partition(f"## {mart.name}\n")[2].partition("\n## ")[0]
            assert [f" {column.name}" in part for column in mart.columns] == [True] * len(mart.columns)


def test_the_documents_of_another_folder_are_checked_there(tmp_path: Path) -> None:
    (tmp_path / "catalogue.md").write_text("old")
    found = difference(tmp_path, DOCUMENTS, (".",))
    assert found.stale == ("catalogue.md",)
    assert set(found.missing) == {"raw_vault.md", "star.md"}
