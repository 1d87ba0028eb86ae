"""Mark runs of a killed worker as crashed; otherwise they would block the work pool forever.

A worker that is killed, alone or with its machine, does not report this to its server. The next load repairs
the data; only Prefect's state must be corrected. Each worker does this for its own runs when it starts.
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
    """Mark runs of this worker, on this host, as crashed if their process has ended. Return their number.

    Call it before that worker starts.
    """
    runs = client.read_flow_runs(
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=AT_WORK))),
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[pool])),
    )
    ours = [run for run in runs if run.labels.get(WORKER) == worker]
    orphaned = [run for run in ours if has_ended(run.infrastructure_pid, run.id)]
    for run in orphaned:
        logger.warning("run %s ended with its killed worker: marked as crashed", run.name)
        state: State[None] = Crashed(message="Its worker was killed. The next load continues its work.")
        client.set_flow_run_state(run.id, state, force=True)
    return len(orphaned)


def has_ended(pid: str | None, run_id: UUID) -> bool:
    """Return whether the process of a run on this host has ended, or never started.

    The pid may have been reused: Prefect puts the run id into the environment of its process. Start times
    cannot be compared, because they move when the clock is set.
    """
    if not pid or not pid.isdigit():
        return True
    try:
        return psutil.Process(int(pid)).environ().get(RUN_VARIABLE) != str(run_id)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return True
