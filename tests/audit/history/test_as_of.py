"""The SQL of as-of queries, and models that do not support them."""

import pytest

from audit.history.as_of import Model, as_of
from config.errors import PermanentError
from config.settings import Settings

SETTINGS = Settings(_env_file=None)
THEN = "timestamp '2024-01-01 00:00:00+00:00'"


def relation(layer: str, name: str) -> str:
    return f"`wwi-local`.`wwi_{layer}`.`{name}`"


def model(layer: str, name: str, *reads: str) -> Model:
    sql = " union all ".join(f"select * from {each}" for each in reads)
    return Model(name, layer, relation(layer, name), sql)


SATELLITE = relation("raw_vault", "sat_order__details")
POINTS = model("business_vault", "pit_order", SATELLITE)
MART = model("marts", "fct_order", POINTS.relation)


def test_an_as_of_query_contains_the_sql_of_models_and_limits_vault_rows() -> None:
    sql = as_of(SETTINGS, {each.name: each for each in (MART, POINTS)}, "fct_order", THEN)
    assert f"from (select * from {SATELLITE} where load_dts <= {THEN})" in sql
    assert "from known_pit_order" in sql


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (model("business_vault", "pit_order", SATELLITE, POINTS.relation), "pit_order reads itself"),
        (model("business_vault", "pit_order", relation("raw", "sales__orders")), "which keeps no history"),
    ],
    ids=["an incremental model", "raw"],
)
def test_a_model_without_history_is_an_error_with_its_name(points: Model, message: str) -> None:
    with pytest.raises(PermanentError, match=message):
        as_of(SETTINGS, {each.name: each for each in (MART, points)}, "fct_order", THEN)
