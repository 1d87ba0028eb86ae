"""The daily load: ingest, build, reconcile, and a summary of what happened.

Importing this module imports Prefect, which reads its settings from the environment at that moment: call
`flows.prefect_api.start_prefect_api` before.
"""

from prefect import flow

from audit.reconciliation import ReconciliationError
from config.settings import Settings
from config.timing import timed
from flows import tasks
from flows.report import DailyReport
from ingestion.report import BatchReport
from metadata.load import load_catalog
from metadata.reconciliation import load_reconciliation
from metadata.spec import Catalog


@flow(name="daily_load", description="Postgres to raw to vault to marts, and the proof that they agree.")
def daily_load(full: bool = False, allow_shrink: bool = False) -> DailyReport:
    """Load what changed since the last run, build and test every layer, and compare them with the source.

    `full` reads every table whole; `allow_shrink` accepts that much of a table is gone. The settings come
    from the environment, as a schedule has nobody to hand them over and a parameter would store the
    source's password. Raises WwiError when a step fails or a layer does not add up.
    """
    settings = Settings()
    catalog = load_catalog()
    seconds: dict[str, float] = {}
    with timed("ingest", seconds):
        batch = tasks.ingest(settings, catalog, full=full, allow_shrink=allow_shrink)
    return build_and_prove(settings, catalog, batch, seconds, whole=full)


def build_and_prove(
    settings: Settings, catalog: Catalog, batch: BatchReport, seconds: dict[str, float], *, whole: bool
) -> DailyReport:
    """Build every layer after this batch, compare them with the source, and keep the summary of all of it.

    `whole`: also what the batch does not touch. `seconds`: of the steps before; those of these are added.
    Raises WwiError as `daily_load`.
    """
    facts = load_reconciliation(catalog)
    with timed("build", seconds):
        build = tasks.build(settings, whole=whole)
    with timed("reconcile", seconds):
        reconciliation = tasks.compare(settings, catalog, facts)
    report = DailyReport(batch, build, reconciliation, seconds)
    tasks.summarise("daily-load", report.title, report.as_markdown())
    if reconciliation.differences:
        raise ReconciliationError(reconciliation)
    return report
