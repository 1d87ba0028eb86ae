"""Test that Google's analyzer accepts history queries, as-of queries and table functions."""

from datetime import UTC, datetime

import pytest

from audit.history import difference, table_functions
from audit.history.as_of import Model, Models, as_of
from audit.history.version_rows import parts_of, statement
from config.settings import Settings
from metadata.mappings import HubMapping
from metadata.marts import Mart, load_marts
from metadata.reconciliation import load_reconciliation
from metadata.spec import Catalog
from tests.googlesql.analyzer import column
from tests.googlesql.conftest import PROJECT, Build, Typed
from warehouse.queries import timestamp_literal

pytestmark = pytest.mark.proof

SETTINGS = Settings(target="bigquery", bigquery_project=PROJECT, _env_file=None)
THEN = timestamp_literal(datetime(2026, 1, 1, tzinfo=UTC))
MARTS = {mart.name: mart for mart in load_marts()}


@pytest.fixture(scope="module")
def models(first: Build) -> Models:
    """Return the model definitions that dbt compiled in the first build."""
    return {
        node["name"]: Model(node["name"], node["fqn"][1], node["relation_name"], node["compiled_code"])
        for node in first.manifest["nodes"].values()
        if node["resource_type"] == "model" and node["fqn"][1] in ("business_vault", "marts")
    }


@pytest.mark.parametrize("mart", MARTS.values(), ids=MARTS)
def test_the_table_function_of_a_mart_returns_the_columns_of_its_contract(
    mart: Mart, models: Models, typed: Typed
) -> None:
    (made,) = typed.warehouse.analyzer.analyze(table_functions.statement(SETTINGS, models, mart))
    assert made.kind == "CreateTableFunction"
    given = {each.name: each.type for each in made.columns}
    assert given == {each.name: column(each.name, each.type).type for each in mart.columns}


@pytest.mark.parametrize("name", ["dim_customer", "fct_sale"])
def test_as_of_queries_of_marts_are_accepted(name: str, models: Models, typed: Typed) -> None:
    mart = MARTS[name]
    sql = as_of(
        SETTINGS, models, name, THEN,
        columns=(mart.key,), where=f"{mart.key} is not null", order_by=(mart.key,), limit=3,
    )  # fmt: skip
    (asked,) = typed.warehouse.analyzer.analyze(sql)
    assert [each.name for each in asked.columns] == [mart.key]


@pytest.mark.parametrize("name", ["dim_city", "dim_date", "fct_order", "fct_stock_holding"])
def test_comparisons_of_a_mart_at_two_times_are_accepted(
    name: str, models: Models, typed: Typed, catalog: Catalog
) -> None:
    mart = MARTS[name]
    measures = difference.measures_of(mart, load_reconciliation(catalog))
    assert bool(measures) == mart.is_fact
    sql = difference.statement(
        SETTINGS, models, mart, (THEN, THEN), measures=measures, where=f"{mart.key} is not null"
    )
    (asked,) = typed.warehouse.analyzer.analyze(sql)
    assert [(each.name, each.type) for each in asked.columns] == [
        ("section", "STRING"),
        ("payload", "STRING"),
    ]


@pytest.mark.parametrize("personal", [False, True], ids=["masked", "personal"])
def test_history_queries_of_every_hub_are_accepted(
    personal: bool, typed: Typed, first: Build, catalog: Catalog
) -> None:
    hubs = {t.vault.hub for t in catalog.tables if isinstance(t.vault, HubMapping)}
    for entity in ("customer", "person", "stock_item") if personal else hubs:
        parts = parts_of(catalog, entity)
        sql = statement(catalog, entity, parts, SETTINGS, personal=personal)
        (asked,) = typed.warehouse.analyzer.analyze(sql, {"key": "INT64"})
        assert [each.type for each in asked.columns] == ["STRING", "TIMESTAMP", "STRING", "STRING"], entity
