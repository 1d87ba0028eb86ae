"""Check the clock before a build: dbt loads only batches that were completed before the build started.

The two times can come from two machines, or from one whose clock was set back.
"""

import logging
import time
from datetime import UTC, datetime

from google.cloud.bigquery import Client

from config.errors import MissingInWarehouseError, PermanentError
from config.settings import Settings
from warehouse.ledger.tables import COMPLETED, table_name
from warehouse.queries import query

logger = logging.getLogger(__name__)

MAX_WAIT_S = 60


def wait_for_batches(client: Client, settings: Settings) -> None:
    """Wait until every completed batch is in the past by this machine's clock.

    A build would silently skip a batch in the future. Raises PermanentError with the batch when it is more
    than MAX_WAIT_S ahead: this clock, or that of the machine that loaded the batch, is wrong.
    """
    batches = table_name(settings, "batches")
    try:
        rows = query(
            client,
            f"select batch_id, finished_at from {batches} where status = '{COMPLETED}' "
            "order by finished_at desc limit 1",
            timeout_s=settings.query_timeout_s,
        )
    except MissingInWarehouseError:
        return  # no ledger, so no batch: dbt reports what is missing
    if not rows or rows[0]["finished_at"] is None:
        return
    batch_id, finished_at = rows[0]["batch_id"], rows[0]["finished_at"]
    ahead_s = (finished_at - datetime.now(UTC)).total_seconds()
    if ahead_s > MAX_WAIT_S:
        raise PermanentError(
            f"batch {batch_id} was completed at {finished_at:%Y-%m-%d %H:%M:%S} UTC, {ahead_s:.0f} s ahead "
            "of this machine's clock: a build would leave it out. Correct the clock of this machine or "
            "of the one that loaded the batch, or build after that time."
        )
    if ahead_s > 0:
        logger.info("waiting %.1f s: the clock that completed batch %s is ahead", ahead_s, batch_id)
        time.sleep(ahead_s)
