"""Test the guides: the example is valid metadata, and every explained message exists in the code."""

import ast
import re
import shutil
from collections.abc import Iterator

import psycopg
import pytest

from config.settings import PROJECT_ROOT
from metadata.codegen.generate import difference, generated_files
from metadata.load import METADATA_DIR, load_catalog
from metadata.spec import Catalog
from sandbox.schema import schema_statements
from tests.checkout.engines import PACKAGES

GUIDES = PROJECT_ROOT / "docs" / "how_to"
EXAMPLE = GUIDES / "examples" / "stock_item_reviews.yml"
ROW = re.compile(r"^\| (?P<message>[^|]*`[^|]*) \|", re.M)


@pytest.fixture(scope="module")
def with_example(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """Return the project's metadata with the guide's example table."""
    folder = tmp_path_factory.mktemp("guide") / "metadata"
    shutil.copytree(METADATA_DIR, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    shutil.copy(EXAMPLE, folder / "tables" / "warehouse")
    return load_catalog(folder)


def test_the_example_generates_the_four_models_of_the_guide(with_example: Catalog) -> None:
    found = difference(PROJECT_ROOT / "vault" / "models", generated_files(with_example))
    assert set(found.missing) == {
        "raw_vault/sats/sat_stock_item__review.sql",
        "raw_vault/sats/sat_stock_item__review_status.sql",
        "staging/stg_wwi__stock_item_reviews.sql",
        "staging/stg_wwi__stock_item_reviews__status.sql",
    }
    assert "raw_vault/hubs/hub_stock_item.sql" in found.stale
    assert found.surplus == ()


@pytest.mark.services
def test_the_example_rows_match_the_example_metadata(with_example: Catalog, source_dsn: str) -> None:
    with psycopg.connect(source_dsn, autocommit=True, connect_timeout=10) as source:
        for statement in schema_statements(with_example):
            source.execute(statement.encode())
        source.execute("insert into application.people (person_id) values (1)")
        source.execute("insert into warehouse.stock_items (stock_item_id) values (3), (4), (6)")
        source.execute(EXAMPLE.with_suffix(".sql").read_bytes())
        rows = source.execute("select stock_item_id, stars from warehouse.stock_item_reviews").fetchall()
    assert sorted((key, float(stars)) for key, stars in rows) == [(3, 3.25), (6, 1.75)]


def documented_messages(text: str) -> Iterator[str]:
    """Return the messages in a table of the guide: the code in its first column."""
    for row in ROW.finditer(text):
        yield from re.findall(r"`([^`]+)`", row["message"])


def test_every_message_in_the_guide_is_raised_by_the_code() -> None:
    code_texts = "\n".join(
        node.value
        for package in PACKAGES
        for path in (PROJECT_ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    macros = (PROJECT_ROOT / "vault" / "macros").rglob("*.sql")
    code_texts += "\n".join(path.read_text(encoding="utf-8") for path in macros)
    explained = (GUIDES / "recover.md").read_text(encoding="utf-8").partition("## By what it says")[2]
    messages = list(documented_messages(explained.partition("\n## ")[0]))
    assert len(messages) > 15
    commands = [message for message in messages if message.startswith("wwi ")]
    assert [each for each in messages if each not in code_texts and each not in commands] == []


def test_a_message_that_no_code_raises_is_found() -> None:
    table = "| message | |\n|---|---|\n| `no such thing`, `or that` | fix `this` |\n"
    assert list(documented_messages(table)) == ["no such thing", "or that"]
