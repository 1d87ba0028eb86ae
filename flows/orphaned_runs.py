"""Runs that a killed worker left as running: they would hold the pool's one place for ever.

A worker that is killed, with its machine or by hand, tells its server nothing. What it was at is made good by
the next load; only Prefect has to be told. Done for the runs of a worker when it begins anew.
"""

import logging
from uuid import UUID

import psutil
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import State, StateType
from prefect.states import Crashed

logger = logging.getLogger(__name__)

AT_WORK = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
WORKER = "prefect.worker.name"
RUN_VARIABLE = "PREFECT__FLOW_RUN_ID"


def fail_orphaned_runs(client: SyncPrefectClient, pool: str, worker: str) -> int:
    """Mark the runs crashed that the worker of this name, on this host, had begun and whose process is gone.

    Returns how many. To be called before that worker begins.
    """
    runs = client.read_flow_runs(
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=AT_WORK))),
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[pool])),
    )
    ours = [run for run in runs if run.labels.get(WORKER) == worker]
    gone = [run for run in ours if is_gone(run.infrastructure_pid, run.id)]
    for run in gone:
        logger.warning("run %s was cut off with its worker: marked as crashed", run.name)
        state: State[None] = Crashed(
            message="Its worker was killed. The next load makes good what it was at."
        )
        client.set_flow_run_state(run.id, state, force=True)
    return len(gone)


def is_gone(pid: str | None, run_id: UUID) -> bool:
    """Return whether the process of a run on this host has ended, or never started.

    A process of that number that does not work for this run is another one. Prefect names the run in the
    environment of its process; start times would not do, because a clock step moves them.
    """
    if not pid or not pid.isdigit():
        return True
    try:
        return psutil.Process(int(pid)).environ().get(RUN_VARIABLE) != str(run_id)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return True
