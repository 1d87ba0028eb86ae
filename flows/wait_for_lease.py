"""Decide whether a scheduled run still has work to do, and wait until it may start.

All deployments write to one warehouse, so only one runs at a time. The work pool serializes its own runs;
this module waits for runs that were started by hand or on another machine.
"""

import logging
import time

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.context import FlowRunContext

from config.errors import PermanentError
from config.settings import Settings
from warehouse.client import connect
from warehouse.lease_holder import active_holder

logger = logging.getLogger(__name__)

SKIPPED = "Skipped"
MAX_WAIT_S = 3600.0
POLL_S = 15.0


def superseded() -> str | None:
    """Return why the current deployment run has nothing left to do; None if it must run.

    A load reads everything up to its start. If another run of the same deployment with the same parameters
    started after this one was due and succeeded, this one would repeat it. So of a week of missed nightly
    runs, only one is executed.
    """
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or run.deployment_id is None or run.expected_start_time is None:
        return None
    since = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[run.deployment_id]),
        start_time=FlowRunFilterStartTime(after_=run.expected_start_time),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.COMPLETED])),
    )
    with get_client(sync_client=True) as client:
        done = client.read_flow_runs(flow_run_filter=since)
    for other in done:
        if other.state_name != SKIPPED and other.parameters == run.parameters and other.id != run.id:
            return (
                f"due at {run.expected_start_time:%Y-%m-%d %H:%M} UTC; run {other.name} started at "
                f"{other.start_time:%Y-%m-%d %H:%M} UTC and loaded everything"
            )
    return None


def wait_for_lease(settings: Settings, max_wait_s: float = MAX_WAIT_S, poll_s: float = POLL_S) -> None:
    """Wait until no other run holds the lease of the warehouse.

    Raises PermanentError that names the holder after `max_wait_s` seconds.
    """
    client = connect(settings, "turn")
    start = time.monotonic()
    logged = ""
    while (holder := active_holder(client, settings)) is not None:
        waited = time.monotonic() - start
        if waited >= max_wait_s:
            raise PermanentError(
                f"another run is at work: {holder}. This run stopped after waiting {waited / 60:.0f} "
                "minutes. Check why the other run takes so long, and start this one again when it has ended. "
                "No data is lost: the next load includes everything."
            )
        if str(holder) != logged:
            logged = str(holder)
            logger.info("waiting for another run: %s", logged)
        time.sleep(min(poll_s, max_wait_s - waited))
