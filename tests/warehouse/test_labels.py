"""Test that every job has the labels for finding its cost."""

import re

import pytest

from config.settings import Settings
from tests.loopback import listening
from tests.shop import World
from warehouse.client import connect
from warehouse.labels import labels_of, valid_labels
from warehouse.queries import dry_run, query


def test_a_label_is_converted_to_a_valid_label() -> None:
    assert valid_labels({"table": "Sales.Orders", "batch": "7"}) == {"table": "sales_orders", "batch": "7"}
    assert valid_labels({"node": "Ä" + "x" * 100}) == {"node": "_" + "x" * 62}


@pytest.mark.services
def test_every_job_of_a_batch_has_labels(shop: World) -> None:
    with listening(shop.settings.resolve_warehouse_url()) as (url, jobs):
        heard = World(
            shop.settings.model_copy(update={"warehouse_url": url}), shop.catalog, shop.source, shop.client
        )
        heard.load()
    labels = [job["configuration"]["labels"] for job in jobs]
    assert {(each["app"], each["step"]) for each in labels} == {("wwi", "ingest")}
    assert {each.get("batch") for each in labels} == {None, "1"}
    assert {each["table"] for each in labels if "table" in each} == {"shop__accounts", "shop__visits"}
    assert all(re.fullmatch(r"[a-z0-9_-]{1,63}", value) for each in labels for value in each.values())


@pytest.mark.services
def test_queries_and_dry_runs_have_the_step_as_label(services: Settings) -> None:
    with listening(services.resolve_warehouse_url()) as (url, jobs):
        client = connect(services.model_copy(update={"warehouse_url": url}), "reconcile")
        query(client, "select 1 as one")
        dry_run(client, "select 1 as one")
    assert labels_of(client) == {"app": "wwi", "step": "reconcile"}
    assert [job["configuration"]["labels"] for job in jobs] == [labels_of(client)] * 2
    assert [job["configuration"].get("dryRun") for job in jobs] == [None, True]
