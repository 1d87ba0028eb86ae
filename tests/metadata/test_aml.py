"""The AML: what is generated from the contracts, and that the checker finds what is planted."""

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import yaml

from metadata.aml.check import FOLDER, find_aml_mistakes
from metadata.aml.models import aml_type, holistics_models, quoted
from metadata.aml.presentation import load_presentation
from metadata.aml.project import aml_texts, read_project
from metadata.aml.reader import AmlSyntaxError, Block, Text, read_aml
from metadata.codegen.generate import (
    HOLISTICS_DIR,
    HOLISTICS_MODELS,
    MODELS_DIR,
    difference,
    generated_holistics,
)
from metadata.errors import MetadataError
from metadata.load import METADATA_DIR
from metadata.marts import load_marts

MARTS = load_marts()
FILES = generated_holistics(METADATA_DIR, MODELS_DIR)
MODELS = holistics_models(MARTS, load_presentation(MARTS))
AML = aml_texts(FOLDER)
PLANTED = yaml.safe_load((Path(__file__).parent / "aml_mistakes.yml").read_text(encoding="utf-8"))
ONE_OF_EACH = (
    "models/facts/fct_sale.model.aml",
    "models/roles/picker.model.aml",
    "datasets/sales.dataset.aml",
    "dashboards/sales_overview.page.aml",
)


def test_the_committed_models_are_current_and_the_check_finds_a_stale_one(tmp_path: Path) -> None:
    assert not difference(HOLISTICS_DIR, FILES, (HOLISTICS_MODELS,)), "run `make generate`"
    shutil.copytree(HOLISTICS_DIR, tmp_path / "aml")
    stale, left_over = "models/facts/fct_sale.model.aml", "models/facts/fct_gone.model.aml"
    (tmp_path / "aml" / left_over).write_text(FILES[stale], encoding="utf-8")
    (tmp_path / "aml" / stale).write_text("// by hand\n", encoding="utf-8")
    found = difference(tmp_path / "aml", FILES, (HOLISTICS_MODELS,))
    assert found.lines() == [f"stale: {stale}", f"surplus: {left_over}"]


def test_our_own_aml_has_no_mistake() -> None:
    assert find_aml_mistakes(AML, MARTS) == []


def test_every_mart_is_a_model_and_personal_data_only_masked() -> None:
    masked = {mart.name for mart in MARTS if not mart.name.endswith("_unmasked")}
    assert {model.name for model in MODELS} == masked
    assert [path for path, text in FILES.items() if "unmasked`" in text] == []


def test_every_column_is_exposed_but_pictures_and_places() -> None:
    for model in MODELS:
        if model.name != "dim_date":
            mart = next(mart for mart in MARTS if mart.name == model.name)
            shown = {field.name for field in model.dimensions}
            unseen = {column.name for column in mart.columns} - shown
            assert {aml_type(column.type) for column in mart.columns if column.name in unseen} <= {None}


def test_what_people_see_has_a_label_of_its_own_in_all_models_and_roles() -> None:
    project, _ = read_project(AML, MARTS)
    labels: Counter[str | None] = Counter()
    for source in project.of_kind("Model"):
        for dimension in source.block.of_kind("dimension"):
            if dimension.get("hidden") is not True:
                labels[dimension.text("label")] += 1
    assert len(labels) > 80
    assert [label for label, count in labels.items() if count > 1] == []


def test_keys_are_hidden_and_amounts_are_dollars() -> None:
    fields = {f"{model.name}.{field.name}": field for model in MODELS for field in model.dimensions}
    assert fields["fct_sale.customer_key"].hidden
    assert fields["fct_sale.sale_key"].primary_key
    assert not fields["fct_sale.wwi_invoice_id"].hidden
    assert fields["fct_sale.wwi_invoice_id"].format is None, "1,234 is no number of an invoice"
    assert fields["fct_sale.total_excluding_tax"].format == "[$$]#,###0.00"
    assert fields["fct_sale.quantity"].format == "#,###0"
    assert fields["dim_stock_item.typical_weight_per_unit"].format == "#,###0.000"


def test_a_description_with_quotes_and_dollar_braces_stays_one_string() -> None:
    text = "it's a \\ and ${not} an expression"
    (block,) = read_aml(f"Model m {{ label: {quoted(text)} }}")
    assert block.text("label") == text


def test_a_mart_without_a_label_stops_the_generator(tmp_path: Path) -> None:
    told = (METADATA_DIR / "holistics.yml").read_text(encoding="utf-8")
    (tmp_path / "holistics.yml").write_text(
        told.replace("  dim_city:\n", "  dim_town:\n").replace("only:", "only: [dates]\n    numbers:"),
        encoding="utf-8",
    )
    with pytest.raises(MetadataError) as caught:
        load_presentation(MARTS, tmp_path)
    assert "'dim_city' is missing" in str(caught.value)
    assert "models.dim_town: no such mart." in str(caught.value)
    assert "dim_date has no column 'dates'. Did you mean 'date'?" in str(caught.value)


@pytest.mark.parametrize("what", PLANTED)
def test_what_is_planted_is_found(what: str) -> None:
    file, text, becomes, said = PLANTED[what].values()
    assert text in AML[file], f"{file} has no {text!r}"
    found = find_aml_mistakes({**AML, file: AML[file].replace(text, becomes, 1)}, MARTS)
    assert said in "\n".join(map(str, found))


@pytest.mark.parametrize("lost", ["{", "}", "[", "]", ";;", "'", "@aql", "@sql", ":"])
def test_a_lost_sign_is_found_wherever_it_was(lost: str) -> None:
    """A file of each kind loses it early, in the middle and at its last place; inside texts it may go."""
    for file in ONE_OF_EACH:
        text = AML[file]
        blank = re.sub(r"'[^'\n]*'|//.*", lambda match: "_" * len(match[0]), text) if lost != "'" else text
        blank = re.sub(r"\{\{.*?\}\}", lambda match: "_" * len(match[0]), blank)
        places = [match.start() for match in re.finditer(re.escape(lost), blank)]
        for place in {places[0], places[len(places) // 2], places[-1]} if places else ():
            broken = {**AML, file: text[:place] + text[place + len(lost) :]}
            assert find_aml_mistakes(broken, MARTS), f"{file} without {lost} at {place}"


def test_a_block_reads_as_what_it_says() -> None:
    (block,) = read_aml(
        "// a remark\nModel a = b.extend({ label: 'x' /* and */\n dimension c { hidden: true } })"
    )
    assert (block.kind, block.name, block.base) == ("Model", "a", "b")
    assert block.get("label") == Text("x")
    assert block.blocks == (Block("dimension", 3, name="c", parts=block.blocks[0].parts),)
    with pytest.raises(AmlSyntaxError, match="never closed"):
        read_aml("Model a {")


def test_the_compiler_of_holistics_agrees_where_it_is_at_hand() -> None:
    binary = shutil.which("holistics")
    if binary is None:
        pytest.skip("NOT RUN: `holistics aml validate`, for the holistics command is not installed")
    done = subprocess.run(
        [binary, "aml", "validate", *AML],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
