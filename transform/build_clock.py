"""The clock of a build: dbt loads the batches that were completed before it began.

The two times may come from two machines, or from one whose clock was put back between them.
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

MOST_WAIT_S = 60


def wait_for_batches(client: Client, settings: Settings) -> None:
    """Wait until every completed batch lies in the past of this machine's clock.

    A build would leave out one that does not, and say nothing. Raises PermanentError naming the batch when it
    is over a minute ahead: this clock has gone backwards, or that of the machine which loaded it is wrong.
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
        return  # no ledger, no batch: dbt says what is missing
    if not rows or rows[0]["finished_at"] is None:
        return
    batch_id, finished_at = rows[0]["batch_id"], rows[0]["finished_at"]
    ahead_s = (finished_at - datetime.now(UTC)).total_seconds()
    if ahead_s > MOST_WAIT_S:
        raise PermanentError(
            f"batch {batch_id} was completed at {finished_at:%Y-%m-%d %H:%M:%S} UTC, {ahead_s:.0f} s ahead "
            "of this machine's clock: a build would leave it out. Set the clock that is wrong, here or where "
            "the batch was loaded, or build when that time has come."
        )
    if ahead_s > 0:
        logger.info("waiting %.1f s: batch %s was completed by a clock ahead of this one", ahead_s, batch_id)
        time.sleep(ahead_s)
