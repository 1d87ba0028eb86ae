"""The deployments in prefect.yaml match their flows, and their times exist once on every day."""

import importlib
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from prefect.cli.deploy._models import PrefectYamlModel
from prefect.flows import Flow

from flows.serve import DEFINITION, POOL

Deployment = dict[str, Any]

YAML: dict[str, Any] = yaml.safe_load(DEFINITION.read_text())
DEPLOYMENTS: list[Deployment] = YAML["deployments"]


def flow_of(deployment: Deployment) -> Flow[..., Any]:
    module, _, name = deployment["entrypoint"].rpartition(".")
    flow: Flow[..., Any] = getattr(importlib.import_module(module), name)
    return flow


def test_prefect_accepts_the_file_and_all_deployments_are_there() -> None:
    assert len(PrefectYamlModel.model_validate(YAML).deployments) == len(DEPLOYMENTS)
    assert [f"{flow_of(each).name}/{each['name']}" for each in DEPLOYMENTS] == [
        "load/nightly",
        "load/intraday",
        "load/weekly-keys",
        "retention/monthly",
        "backfill/on-demand",
        "rebuild/on-demand",
    ]


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda each: f"{each['entrypoint']}-{each['name']}")
def test_a_deployment_fits_its_flow(deployment: Deployment) -> None:
    flow = flow_of(deployment)
    assert isinstance(flow, Flow)
    known = flow.parameters.properties.keys()
    assert deployment.get("parameters", {}).keys() <= known
    assert deployment["work_pool"] == {"name": POOL}, "one pool, so one run at a time"
    hooks = [hook.__name__ for hook in (*flow.on_failure_hooks, *flow.on_crashed_hooks)]
    assert hooks == ["notify_failure", "notify_failure"]
    for schedule in deployment.get("schedules", []):
        assert ZoneInfo(schedule["timezone"])
        minute, hour, *_ = schedule["cron"].split()
        assert minute.isdigit()
        assert int(hour.partition("-")[0]) >= 3, (
            "earlier hours are skipped or repeated when daylight saving time changes"
        )


def test_a_backfill_requires_its_days() -> None:
    (backfill,) = [each for each in DEPLOYMENTS if each["entrypoint"].endswith(".backfill")]
    assert flow_of(backfill).parameters.required == ["first_day", "last_day"]
    assert "schedules" not in backfill
