"""What a load plan contains, and which batches are marked as loaded after a build."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from config.errors import PermanentError
from transform.loading.checks import check_full_refresh, check_hash_version, check_tables
from transform.loading.key_ranges import by_column, columns_to_ask, condition, needed_columns, statement
from transform.loading.plan import MAX_LENGTH, Batch, loaded_batches, make_plan
from transform.loading.vault_models import RawTable, VaultModel

NO_STAGES: frozenset[str] = frozenset()
ORDERS = RawTable("sales__orders", "wwi_raw", "`p`.`wwi_raw`.`sales__orders`")


def model(
    name: str, layer: str, *raw_tables: str, stages: frozenset[str] = NO_STAGES, **numbers: str
) -> VaultModel:
    """Return a model; `stages`: ids, `numbers`: {column in raw: number in the table}."""
    return VaultModel(
        id=f"model.wwi_vault.{name}", name=name, layer=layer, dataset=f"wwi_{layer}", table=name,
        relation=f"`p`.`wwi_{layer}`.`{name}`", columns=(),
        raw_tables=frozenset(raw_tables), stages=stages, numbers=numbers,
        sources=frozenset(raw_tables if numbers else ()),
    )  # fmt: skip


STAGE = model("stg_wwi__orders", "staging", "sales__orders")
HUB = model("hub_order", "raw_vault", "sales__orders", stages=frozenset({STAGE.id}), order_id="order_id")
COLOURS = model("ref_color", "raw_vault", "warehouse__colors")
BRIDGE = model(
    "bridge_order", "business_vault", "sales__orders", order_id="order_id", backorder_order_id="order_id"
)
MODELS = (STAGE, HUB, COLOURS, BRIDGE)
ALL = frozenset(each.id for each in MODELS)


def batch(number: int, *tables: str) -> Batch:
    return Batch(number, datetime(2026, 1, number, 12, 0, 0, 1, tzinfo=UTC), frozenset(tables) or None)


def test_a_plan_has_the_load_times_and_the_touched_keys_of_each_model() -> None:
    ranges = {("sales__orders", "order_id"): [(7, 9), (20_001, 20_001)]}
    plan = make_plan(MODELS, [batch(1, "sales__orders"), batch(2, "warehouse__colors")], ALL, ranges)
    own = "order_id between 7 and 9 or order_id between 20001 and 20001"
    assert plan.is_complete
    assert plan.as_dict() == {
        "load_times": [
            "timestamp '2026-01-01 12:00:00.000001+00:00'",
            "timestamp '2026-01-02 12:00:00.000001+00:00'",
        ],
        "touched": {
            "hub_order": {"order_id": own},
            "ref_color": {},
            "bridge_order": {"order_id": own, "backorder_order_id": "false"},
        },
    }


def test_without_ranges_a_model_reads_everything() -> None:
    plan = make_plan(MODELS, [batch(1)], ALL, None)
    assert plan.touched["bridge_order"] == {"order_id": "true", "backorder_order_id": "true"}


def test_an_incomplete_build_adds_nothing_to_a_bridge() -> None:
    plan = make_plan(MODELS, [batch(1, "sales__orders")], ALL - {HUB.id}, None)
    assert not plan.is_complete
    assert plan.touched["hub_order"] == {"order_id": "true"}
    assert plan.touched["bridge_order"] == {"order_id": "false", "backorder_order_id": "false"}


def test_a_model_reads_its_whole_target_if_one_of_its_stages_is_not_built() -> None:
    """That stage has rows of an earlier load, which the touched ranges do not contain."""
    ranges = {("sales__orders", "order_id"): [(7, 9)]}
    batches = [batch(1, "sales__orders")]
    other = model("stg_wwi__order_lines", "staging", "sales__order_lines")
    hub = replace(HUB, stages=HUB.stages | {other.id}, raw_tables=HUB.raw_tables | other.raw_tables)
    models = (STAGE, other, hub)
    every = {each.id for each in models}
    assert make_plan(models, batches, every, ranges).touched["hub_order"] == {
        "order_id": "order_id between 7 and 9"
    }
    without_other = make_plan(models, batches, every - {other.id}, ranges)
    assert without_other.touched["hub_order"] == {"order_id": "true"}
    assert without_other.is_complete


def test_a_build_is_complete_if_it_selects_what_the_batches_affect() -> None:
    colours = [batch(1, "warehouse__colors")]
    assert make_plan(MODELS, colours, {COLOURS.id}, None).is_complete
    assert not make_plan(MODELS, [*colours, batch(2)], {COLOURS.id}, None).is_complete
    assert make_plan(MODELS, [], {COLOURS.id}, None).is_complete
    assert not make_plan((), [], (), None).is_complete


def test_a_batch_is_loaded_when_all_affected_models_are_built() -> None:
    orders, colours, unknown = batch(1, "sales__orders"), batch(2, "warehouse__colors"), batch(3)
    batches = [orders, colours, unknown]
    assert loaded_batches(MODELS, batches, [STAGE.id, HUB.id, BRIDGE.id]) == (orders,)
    assert loaded_batches(MODELS, batches, [COLOURS.id]) == (colours,)
    assert loaded_batches(MODELS, batches, ALL) == tuple(batches)


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        (None, "true"),
        ([], "false"),
        ([(-5, -5)], "n between -5 and -5"),
        ([(1, 2), (30, 40)], "n between 1 and 2 or n between 30 and 40"),
        ([(1, 2), (30, 40), (99, 99)], "n between 1 and 99"),
    ],
)
def test_a_condition_names_at_most_two_ranges(ranges: list[tuple[int, int]] | None, expected: str) -> None:
    assert condition("n", ranges, 2) == expected


def test_a_plan_of_many_ranges_stays_short_enough_for_an_environment_variable() -> None:
    many = tuple(model(f"hub_{n}", "raw_vault", "sales__orders", order_id="order_id") for n in range(200))
    ranges = {("sales__orders", "order_id"): [(n * 10_000, n * 10_000 + 1) for n in range(99)]}
    plan = make_plan(many, [batch(1)], {each.id for each in many}, ranges)
    assert len(plan.as_json()) <= MAX_LENGTH
    assert plan.touched["hub_0"] == {"order_id": "order_id between 0 and 980001"}


def test_the_ranges_are_read_with_one_statement() -> None:
    asked, unknown = columns_to_ask(needed_columns(MODELS), {ORDERS: {"order_id", "batch_id"}})
    assert asked == {ORDERS: ["order_id"]}
    assert unknown == {("sales__orders", "backorder_order_id"): ((-(2**63), 2**63 - 1),)}
    sql = statement(asked, [batch(1).load_dts], 10_000)
    assert sql is not None
    assert "raw.load_dts in (timestamp '2026-01-01 12:00:00.000001+00:00')" in sql
    assert "struct('order_id' as number, raw.`order_id` as value)" in sql
    assert statement(asked, [], 10_000) is None
    assert statement({}, [batch(1).load_dts], 10_000) is None
    row = {"raw_table": "sales__orders", "number": "order_id", "first": 1, "last": 5}
    assert by_column([row]) == {("sales__orders", "order_id"): [(1, 5)]}


def test_a_full_refresh_selects_all_models_or_none() -> None:
    check_full_refresh(MODELS, ALL)
    check_full_refresh(MODELS, {"test.wwi_vault.hub_order"})
    with pytest.raises(PermanentError, match="selects 1 of the 4 models"):
        check_full_refresh(MODELS, {HUB.id})


def test_a_vault_of_another_hash_version_is_refused() -> None:
    check_hash_version([1], 1)
    check_hash_version([], 2)
    with pytest.raises(
        PermanentError, match=r"version 1 of .*this build uses version 2.*`wwi rebuild --force`"
    ):
        check_hash_version([1, 2], 2)


def test_missing_tables_and_columns_are_listed() -> None:
    hub, colours = replace(HUB, columns=("order_hk", "order_id")), replace(COLOURS, columns=("color_id",))
    tables = {(hub.dataset, hub.table): ["order_hk", "order_id"]}
    check_tables([hub, colours], tables, [])
    with pytest.raises(PermanentError, match=r"ref_color is missing\. Run `wwi build --full-refresh`"):
        check_tables([hub, colours], tables, [colours])
    with pytest.raises(PermanentError, match=r"hub_order lacks column order_id\. Run"):
        check_tables([hub], {(hub.dataset, hub.table): ["order_hk"]}, [])
