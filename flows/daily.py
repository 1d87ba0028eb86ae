"""The daily load: ingest, build, reconcile, and a summary.

Importing this module imports Prefect, which reads its settings from the environment on import: call
`flows.prefect_api.start_prefect_api` first.
"""

from prefect import flow

from audit.reconciliation.comparison import ReconciliationError
from config.settings import Settings
from config.timing import timed
from flows import tasks
from flows.report import DailyReport
from ingestion.report import BatchReport
from metadata.load import load_catalog
from metadata.reconciliation import load_reconciliation
from metadata.spec import Catalog


@flow(name="daily_load", description="Load Postgres into raw, vault and marts, and reconcile all layers.")
def daily_load(full: bool = False, allow_shrink: bool = False) -> DailyReport:
    """Load what changed since the last run, build and test every layer, and compare them with the source.

    `full` reads all rows of every table; `allow_shrink` allows that a large part of a table was deleted.
    Settings come from the environment: as a flow parameter, Prefect would store the source's password.
    Raises WwiError if a step fails or totals differ.
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
    """Build every layer after this batch, compare them with the source, and publish the summary.

    `whole`: build all models, not only those affected by the batch. `seconds`: durations of the previous
    steps; those of build and reconcile are added. Raises like `daily_load`.
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
