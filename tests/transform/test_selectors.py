"""Test that a part of `--select` without matches stops the build, with the closest names."""

from pathlib import Path

import pytest
from google.api_core.exceptions import NotFound

from config.errors import PermanentError
from config.settings import Settings
from transform import dbt
from transform.build_plan import build_arguments
from transform.dbt_invocation import parse, run_dbt, selected_nodes, settings_in_environment
from transform.dry_run import dry_run
from warehouse.client import connect

pytestmark = pytest.mark.services

YAML = """
version: 2
sources: [{name: shop, schema: nowhere, tables: [{name: orders}]}]
models:
  - {name: first, config: {tags: [daily]}}
  - {name: second, config: {tags: [daily, weekly]}, columns: [{name: id, data_tests: [not_null]}]}
"""


@pytest.fixture
def chain(project: Path) -> Path:
    """Return a dbt project with the chain good, first, second."""
    marts = project / "models" / "marts"
    (marts / "first.sql").write_text("select id from {{ ref('good') }}")
    (marts / "second.sql").write_text("select id from {{ ref('first') }}")
    (marts / "more.yml").write_text(YAML)
    return project


def tables(settings: Settings) -> set[str]:
    """Return the tables in the dataset of the models."""
    try:
        return {each.table_id for each in connect(settings).list_tables(settings.dataset_prefix, timeout=30)}
    except NotFound:
        return set()


SELECTED = [
    (["good", "first"], {"good", "first"}),
    (["good+1", "source:shop.orders"], {"good", "first"}),
    (["@first"], {"good", "first", "second"}),
    (["+tag:daily,+tag:weekly", "tiny.marts.goo*"], {"good", "first", "second"}),
    (["models/marts/good.sql", "file:first.sql"], {"good", "first"}),
    (["path:models/marts", "config.materialized:table", "+test_name:not_null"], {"good", "first", "second"}),
]
UNMATCHED = [
    (["good", "frist"], r"matches --select frist\. Nothing was built\. Did you mean 'first'\?"),
    (["2+secnd+", "good"], r"matches --select 2\+secnd\+\. .* Did you mean 'second'\?"),
    (["good", "@frist"], r"matches --select @frist\. .* Did you mean 'first'\?"),
    (["good", "mart"], r"matches --select mart\. .* Did you mean 'marts'\?"),
    (["good", "tag:dayly"], r"matches --select tag:dayly\. .* Did you mean 'tag:daily'\?"),
    (["good", "tag:nosuch"], r"Known here: tag:daily, tag:weekly\."),
    (["good", "source:shop.ordrs+"], r"Did you mean 'source:shop\.orders'\?"),
    (["good", "path:models/mart"], r"Did you mean 'path:models/marts'\?"),
    (["good", "config.materialized:tabel"], r"Did you mean 'config\.materialized:table'\?"),
    (["good", "first,tag:weekly"], r"matches --select first,tag:weekly\. Nothing was built\. Select a model"),
    (["good", "good,frist"], r"matches --select good,frist\. .* Did you mean 'first'\?"),
    (["good", "tga:daily"], r"'tga:' is not a method of dbt\. Did you mean 'tag'\?"),
]


def test_every_dbt_selector_works(tiny: Settings, chain: Path) -> None:
    with settings_in_environment(tiny, chain):
        manifest = parse(tiny, chain)
        found = [selected_nodes(build_arguments(select), tiny, chain, manifest) for select, _ in SELECTED]
    assert found == [{f"model.tiny.{name}" for name in names} for _, names in SELECTED]


def test_one_unmatched_name_among_others_is_an_error(tiny: Settings, chain: Path) -> None:
    with settings_in_environment(tiny, chain):
        manifest = parse(tiny, chain)
        for select, message in UNMATCHED:
            with pytest.raises(PermanentError, match=message):
                run_dbt(["list", *build_arguments(select)[1:]], tiny, chain, manifest)
    for build in (dbt.build, dry_run):
        with pytest.raises(PermanentError, match="matches --select frist"):
            build(tiny, select=["good", "frist"], vault_dir=chain)
    assert tables(tiny) == set()
