"""The generator: its output, its stability, and its check."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from metadata.codegen.generate import GENERATED_FOLDERS, MODELS_DIR, difference, generated_files, main, write
from metadata.generated_text import MARK
from metadata.load import load_catalog
from metadata.spec import Catalog

GOLDEN = Path(__file__).parent / "golden"
CATALOG = load_catalog()
FILES = generated_files(CATALOG)

BASKET_LINES = """\
description: What is in a basket.
primary_key: [basket_line_id]

columns:
  basket_line_id: {type: bigint, description: 'Number of the line.'}
  basket_id: {type: bigint, references: shop.baskets.basket_id, description: 'Basket it belongs to.'}
  pieces: {type: integer, measure: true, description: 'How many.'}

vault:
  hub: basket_line
  link: {name: basket_line, description: The basket of a line., columns: [basket_id]}
  satellites:
    details: {description: What a line says., columns: [pieces]}
"""


def generate(metadata: Path, models: Path, *options: str) -> int:
    return main(["--metadata", str(metadata), "--models", str(models), *options])


def kinds_of_test(path: str) -> list[str]:
    """Return the kinds of the tests in one generated YAML file, one entry per test."""
    found = []
    for model in yaml.safe_load(FILES[path])["models"]:
        for holder in (model, *model["columns"]):
            found += [
                test if isinstance(test, str) else next(iter(test)) for test in holder.get("data_tests", [])
            ]
    return found


def test_the_small_shop_generates_the_golden_files(shop: Path) -> None:
    """Run with UPDATE_GOLDEN=1 to accept a change; its diff is the review."""
    files = generated_files(load_catalog(shop))
    if os.environ.get("UPDATE_GOLDEN"):
        shutil.rmtree(GOLDEN, ignore_errors=True)
        write(GOLDEN, files)
    golden = {
        path.relative_to(GOLDEN).as_posix(): path.read_text(encoding="utf-8")
        for path in GOLDEN.rglob("*")
        if path.is_file()
    }
    assert files == golden


@given(order=st.randoms())
@settings(max_examples=10, deadline=None)
def test_the_reading_order_does_not_matter(order: Random) -> None:
    tables, hubs = list(CATALOG.tables), list(CATALOG.hubs)
    order.shuffle(tables)
    order.shuffle(hubs)
    assert generated_files(Catalog(tables=tuple(tables), hubs=tuple(hubs))) == FILES


def test_the_committed_files_are_current() -> None:
    assert not difference(MODELS_DIR, FILES), "run `make generate`"


def test_generating_twice_changes_nothing(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate(shop, tmp_path / "models") == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "models").rglob("*")}
    capsys.readouterr()
    assert generate(shop, tmp_path / "models") == 0
    assert capsys.readouterr().out == "34 files, 0 changed\n"
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "models").rglob("*")} == before


def test_check_names_missing_stale_and_surplus_files_and_writes_nothing(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = tmp_path / "models"
    generate(shop, models)
    assert generate(shop, models, "--check") == 0
    (models / "raw_vault/hubs/hub_buyer.sql").unlink()
    (models / "staging/stg_wwi__buyers.sql").write_text("select 1\n", encoding="utf-8")
    left_over = models / "raw_vault/sats/sat_buyer__old.sql"
    left_over.write_text(f"-- {MARK}\nselect 1\n", encoding="utf-8")
    by_hand = models / "raw_vault/by_hand.sql"
    by_hand.write_text("select 1\n", encoding="utf-8")
    capsys.readouterr()

    assert generate(shop, models, "--check") == 1
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  missing: raw_vault/hubs/hub_buyer.sql",
        "  stale: staging/stg_wwi__buyers.sql",
        "  surplus: raw_vault/sats/sat_buyer__old.sql",
    ]
    assert left_over.exists()
    assert generate(shop, models) == 0
    assert generate(shop, models, "--check") == 0
    assert not left_over.exists()
    assert by_hand.exists()


def test_invalid_metadata_stops_before_anything_is_written(
    shop: Path, tmp_path: Path, edit: Callable[[str, str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    edit("tables/shop/buyers.yml", "hub: buyer", "hub: byer")
    assert generate(shop, tmp_path / "models") == 1
    assert "Did you mean 'buyer'?" in capsys.readouterr().err
    assert not (tmp_path / "models").exists()


def test_a_table_is_added_by_one_file_and_a_hub(
    shop: Path, tmp_path: Path, edit: Callable[[str, str, str], None]
) -> None:
    models = tmp_path / "models"
    generate(shop, models)
    before = {path.name for path in models.rglob("*.sql")}
    (shop / "tables/shop/basket_lines.yml").write_text(BASKET_LINES, encoding="utf-8")
    edit(
        "hubs.yml",
        "basket:",
        "basket_line: {description: 'A line.', business_key: [basket_line_id]}\nbasket:",
    )
    generate(shop, models)
    assert {path.name for path in models.rglob("*.sql")} - before == {
        "stg_wwi__basket_lines.sql",
        "stg_wwi__basket_lines__status.sql",
        "hub_basket_line.sql",
        "link_basket_line.sql",
        "eff_sat_basket_line.sql",
        "sat_basket_line__details.sql",
        "sat_basket_line__status.sql",
    }


def test_a_table_without_a_mapping_is_only_a_source(shop: Path) -> None:
    before = generated_files(load_catalog(shop))
    (shop / "tables/shop/notes.yml").write_text(
        "description: Notes.\nprimary_key: [note_id]\n"
        "columns:\n  note_id: {type: integer, description: 'Number of the note.'}\n",
        encoding="utf-8",
    )
    after = generated_files(load_catalog(shop))
    assert {path for path in after if after[path] != before.get(path)} == {"staging/_wwi__sources.yml"}


def test_every_generated_file_names_its_source() -> None:
    for path, text in FILES.items():
        assert path.split("/")[0] in GENERATED_FOLDERS
        mark, source = text.splitlines()[:2]
        assert MARK in mark, path
        assert source.split()[1].startswith("metadata/"), path


def test_every_model_and_column_is_described() -> None:
    for path, text in FILES.items():
        if not path.endswith("_sources.yml") and path.endswith(".yml"):
            folder = path.rpartition("/")[0]
            models = yaml.safe_load(text)["models"]
            assert {f"{folder}/{model['name']}.sql" for model in models} == {
                other for other in FILES if other.startswith(f"{folder}/") and other.endswith(".sql")
            }
            for model in models:
                assert all(entry["description"] for entry in (model, *model["columns"])), model["name"]


def test_every_loaded_column_is_in_the_sources_and_no_secret_one() -> None:
    raw, _ = yaml.safe_load(FILES["staging/_wwi__sources.yml"])["sources"]
    columns = {table["name"]: [column["name"] for column in table["columns"]] for table in raw["tables"]}
    system_columns = ["batch_id", "load_dts", "record_source", "change_type"]
    assert columns == {
        table.raw_name: [column.name for column in table.loaded_columns] + system_columns
        for table in CATALOG.tables
    }


def test_personal_columns_are_marked_in_every_model_that_has_them() -> None:
    personal = {
        "customer_name", "email_address", "logon_name", "returned_delivery_data",
    }  # fmt: skip
    marked: dict[str, set[bool]] = {name: set() for name in personal}
    for path, text in FILES.items():
        if path.endswith(".yml") and "models" in yaml.safe_load(text):
            for model in yaml.safe_load(text)["models"]:
                for column in model["columns"]:
                    if column["name"] in personal:
                        marked[column["name"]].add(
                            column.get("config") == {"meta": {"sensitivity": "personal"}}
                        )
    assert marked == {name: {True} for name in personal}


def test_the_raw_vault_has_each_kind_of_structural_test_and_not_too_many() -> None:
    hubs, links = kinds_of_test("raw_vault/hubs/_hubs.yml"), kinds_of_test("raw_vault/links/_links.yml")
    sats, refs = kinds_of_test("raw_vault/sats/_sats.yml"), kinds_of_test("raw_vault/refs/_refs.yml")
    assert hubs == ["integrity"] * len(CATALOG.hubs)
    assert links.count("integrity") == 18
    assert links.count("known_parents") == 17
    assert links.count("refers_to") == 1, "only the hubs of sensors share the stage of the link"
    assert refs.count("one_row_per_load") == 8
    assert sats == [], "tests of hubs and links cover their satellites"
    assert len(hubs + links + refs) < 80, "each costs a query on every load"


def test_every_satellite_is_in_a_test_of_its_hub_link_or_code_list() -> None:
    tested = "".join(
        text for path, text in FILES.items() if path.endswith(("_hubs.yml", "_links.yml", "_refs.yml"))
    )
    satellites = [Path(path).stem for path in FILES if "raw_vault/sats/" in path and path.endswith(".sql")]
    assert len(satellites) > 50
    assert [name for name in satellites if f"ref('{name}')" not in tested] == []


def test_a_reference_to_a_row_of_another_table_only_warns(shop: Path) -> None:
    links = yaml.safe_load(generated_files(load_catalog(shop))["raw_vault/links/_links.yml"])["models"]
    (test,) = links[0]["data_tests"]
    arguments = test["known_parents"]["arguments"]
    assert [reference["column"] for reference in arguments["references"]] == ["buyer_hk", "gift_for_buyer_hk"]
    assert (arguments["key"], arguments["number"]) == ("basket_hk", "basket_id")
    assert arguments["except"] == "md5('~,')"
    assert arguments["effectivity"] == "ref('eff_sat_basket_buyer')"
    assert arguments["status"] == "ref('sat_basket__status')"
