"""`wwi docs` writes dbt's documentation as one page."""

import json
from pathlib import Path

import pytest

from config.errors import PermanentError
from tests.marts.business import Business
from transform.vault_docs import write_docs

pytestmark = [pytest.mark.services, pytest.mark.end_to_end]


def test_the_page_has_the_types_and_row_counts_of_the_warehouse(business: Business, tmp_path: Path) -> None:
    written = write_docs(business.settings, tmp_path / "vault.html", select=["fct_sale", "dim_customer"])
    page = written.path.read_text(encoding="utf-8")
    assert (written.tables, written.size) == (2, written.path.stat().st_size)
    text = (business.settings.home / "dbt" / "target" / "catalog.json").read_text(encoding="utf-8")
    assert text in page, "the page contains it, so that it needs no server"
    catalogue = json.loads(text)
    sale, customer = (catalogue["nodes"][f"model.wwi_vault.{name}"] for name in ("fct_sale", "dim_customer"))
    held = business.client.get_table(f"{business.settings.dataset('marts')}.fct_sale")
    assert [column["name"] for column in sale["columns"].values()] == [field.name for field in held.schema]
    assert sale["columns"]["profit"]["type"].startswith("NUMERIC")
    (rows,) = business.ask("select count(*) as n from {m}.fct_sale")
    assert sale["stats"]["num_rows"]["value"] == rows["n"] > 0
    assert customer["metadata"]["type"] == "view"
    assert "num_rows" not in customer["stats"], "a view keeps no rows"


def test_an_empty_selection_is_an_error_and_writes_no_page(business: Business, tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="wwi run"):
        write_docs(business.settings, tmp_path / "vault.html", select=["no_such_model"])
    assert list(tmp_path.iterdir()) == []
