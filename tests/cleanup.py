"""`python -m tests.cleanup`: deletes what test runs left in a real project, and only what bears their labels.

`--run NAME` takes the datasets of one run whatever their age (a workflow at its end), else those older than
`--hours`. Exit code 1 when something could not be deleted.
"""

import argparse
import sys
from datetime import timedelta

from google.api_core.exceptions import GoogleAPICallError

from config.settings import Settings
from metadata.errors import WwiError
from tests import throw_away
from warehouse.client import connect

HOURS = 6.0  # no run takes as long


def clean_up(settings: Settings, *, run: str | None, hours: float, dry_run: bool) -> int:
    """Delete, and print a line for each dataset. Returns how many could not be deleted."""
    if settings.target == "local":
        raise WwiError("the local warehouse ends with the tests. Set WWI_TARGET=bigquery and its project.")
    client, failed = connect(settings), 0
    older_than = timedelta(0) if run else timedelta(hours=hours)
    for item in throw_away.find(client, run, older_than):
        age = f"{item.age.total_seconds() / 3600:.1f} h old, of run {item.run}"
        if dry_run:
            print(f"would delete {item.dataset_id} ({age})")
            continue
        try:
            throw_away.delete(client, item)
            print(f"deleted {item.dataset_id} ({age})")
        except GoogleAPICallError as error:
            failed += 1
            print(f"not deleted {item.dataset_id} ({age}): {error.message}", file=sys.stderr)
    return failed


def main() -> None:
    """Read the command line, clean up, end with the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.cleanup", description=__doc__)
    parser.add_argument("--run", help="the run whose datasets go, as WWI_TEST_RUN named it")
    parser.add_argument("--hours", type=float, default=HOURS, help="without --run: from which age on")
    parser.add_argument("--dry-run", action="store_true", help="only say what would go")
    chosen = parser.parse_args()
    try:
        sys.exit(min(clean_up(Settings(), run=chosen.run, hours=chosen.hours, dry_run=chosen.dry_run), 1))
    except WwiError as error:
        sys.exit(f"tests.cleanup: {error}")


if __name__ == "__main__":
    main()
