"""Whether a scheduled run still has anything to do, and when it may begin.

All deployments write to one warehouse, so one runs at a time: the work pool lets the next one begin when the
last has ended, and whatever was started by hand, or on another machine, is waited for here.
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
from warehouse.lease_holder import at_work

logger = logging.getLogger(__name__)

SKIPPED = "Skipped"
MOST_WAIT_S = 3600.0
ASK_AGAIN_S = 15.0


def superseded() -> str | None:
    """Return why the current run of a deployment has nothing left to do; None when it has, or is none.

    A load takes everything up to the moment it begins. So a run that waited its turn while another of the
    same deployment, with the same parameters, began after it was due and succeeded, would do the same again:
    of a week of nightly runs that nobody was there to carry out, one is.
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
                f"due at {run.expected_start_time:%Y-%m-%d %H:%M} UTC; the run {other.name} began at "
                f"{other.start_time:%Y-%m-%d %H:%M} UTC and did all of it"
            )
    return None


def wait_for_lease(settings: Settings, most_s: float = MOST_WAIT_S, ask_again_s: float = ASK_AGAIN_S) -> None:
    """Wait until nobody writes to the warehouse.

    Raises PermanentError naming who does when that takes longer than `most_s` seconds.
    """
    client = connect(settings, "turn")
    began = time.monotonic()
    told = ""
    while (holder := at_work(client, settings)) is not None:
        waited = time.monotonic() - began
        if waited >= most_s:
            raise PermanentError(
                f"another run is at work: {holder}. This one waited {waited / 60:.0f} minutes for it and "
                "gave up: see what holds it there, and start this run again when it has ended. Nothing is "
                "lost, the next load brings what this one would have brought."
            )
        if str(holder) != told:
            told = str(holder)
            logger.info("waiting for another run: %s", told)
        time.sleep(min(ask_again_s, most_s - waited))
