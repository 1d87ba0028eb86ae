"""The AML models generated from the contracts, and the checker on injected errors."""

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import yaml

from metadata.aml.check import FOLDER, find_aml_issues
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
INJECTED = yaml.safe_load((Path(__file__).parent / "aml_issues.yml").read_text(encoding="utf-8"))
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


def test_our_own_aml_has_no_issue() -> None:
    assert find_aml_issues(AML, MARTS) == []


def test_every_mart_is_a_model_and_personal_data_is_masked() -> None:
    masked = {mart.name for mart in MARTS if not mart.name.endswith("_unmasked")}
    assert {model.name for model in MODELS} == masked
    assert [path for path, text in FILES.items() if "unmasked`" in text] == []


def test_every_column_of_a_supported_type_is_exposed() -> None:
    for model in MODELS:
        if model.name != "dim_date":
            mart = next(mart for mart in MARTS if mart.name == model.name)
            shown = {field.name for field in model.dimensions}
            hidden = {column.name for column in mart.columns} - shown
            assert {aml_type(column.type) for column in mart.columns if column.name in hidden} <= {None}


def test_labels_of_visible_fields_are_unique() -> None:
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
    assert fields["fct_sale.wwi_invoice_id"].format is None, "invoice numbers must not be shown as 1,234"
    assert fields["fct_sale.total_excluding_tax"].format == "[$$]#,###0.00"
    assert fields["fct_sale.quantity"].format == "#,###0"
    assert fields["dim_stock_item.typical_weight_per_unit"].format == "#,###0.000"


def test_a_description_with_quotes_and_dollar_braces_stays_one_string() -> None:
    text = "it's a \\ and ${not} an expression"
    (block,) = read_aml(f"Model m {{ label: {quoted(text)} }}")
    assert block.text("label") == text


def test_a_mart_without_a_label_stops_the_generator(tmp_path: Path) -> None:
    text = (METADATA_DIR / "holistics.yml").read_text(encoding="utf-8")
    (tmp_path / "holistics.yml").write_text(
        text.replace("  dim_city:\n", "  dim_town:\n").replace("only:", "only: [dates]\n    numbers:"),
        encoding="utf-8",
    )
    with pytest.raises(MetadataError) as caught:
        load_presentation(MARTS, tmp_path)
    assert "'dim_city' is missing" in str(caught.value)
    assert "models.dim_town: the mart does not exist." in str(caught.value)
    assert "dim_date has no column 'dates'. Did you mean 'date'?" in str(caught.value)


@pytest.mark.parametrize("case", INJECTED)
def test_an_injected_error_is_found(case: str) -> None:
    file, text, becomes, message = INJECTED[case].values()
    assert text in AML[file], f"{file} has no {text!r}"
    found = find_aml_issues({**AML, file: AML[file].replace(text, becomes, 1)}, MARTS)
    assert message in "\n".join(map(str, found))


@pytest.mark.parametrize("lost", ["{", "}", "[", "]", ";;", "'", "@aql", "@sql", ":"])
def test_a_missing_character_is_found_at_any_position(lost: str) -> None:
    """Remove it at the first, middle and last position, outside of strings, in a file of each kind."""
    for file in ONE_OF_EACH:
        text = AML[file]
        blank = re.sub(r"'[^'\n]*'|//.*", lambda match: "_" * len(match[0]), text) if lost != "'" else text
        blank = re.sub(r"\{\{.*?\}\}", lambda match: "_" * len(match[0]), blank)
        places = [match.start() for match in re.finditer(re.escape(lost), blank)]
        for place in {places[0], places[len(places) // 2], places[-1]} if places else ():
            broken = {**AML, file: text[:place] + text[place + len(lost) :]}
            assert find_aml_issues(broken, MARTS), f"{file} without {lost} at {place}"


def test_a_block_is_parsed_with_kind_name_and_base() -> None:
    (block,) = read_aml(
        "// a remark\nModel a = b.extend({ label: 'x' /* and */\n dimension c { hidden: true } })"
    )
    assert (block.kind, block.name, block.base) == ("Model", "a", "b")
    assert block.get("label") == Text("x")
    assert block.blocks == (Block("dimension", 3, name="c", parts=block.blocks[0].parts),)
    with pytest.raises(AmlSyntaxError, match="not closed"):
        read_aml("Model a {")


def test_the_holistics_compiler_accepts_the_aml_where_installed() -> None:
    binary = shutil.which("holistics")
    if binary is None:
        pytest.skip("NOT RUN: `holistics aml validate`: the holistics command is not installed")
    done = subprocess.run(
        [binary, "aml", "validate", *AML],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
