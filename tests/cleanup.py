"""`python -m tests.cleanup`: delete labelled datasets of test runs in a real project.

`--run NAME` deletes those of one run (at the end of a workflow); otherwise those older than `--hours` are
deleted. Exit code 1 if a dataset could not be deleted.
"""

import argparse
import sys
from datetime import timedelta

from google.api_core.exceptions import GoogleAPICallError

from config.settings import Settings
from metadata.errors import WwiError
from tests import temporary_datasets
from warehouse.client import connect

HOURS = 6.0  # longer than any test run


def clean_up(settings: Settings, *, run: str | None, hours: float, dry_run: bool) -> int:
    """Delete the datasets, print a line for each, and return how many could not be deleted."""
    if settings.target == "local":
        raise WwiError("the local warehouse needs no cleanup. Set WWI_TARGET=bigquery and its project.")
    client, failed = connect(settings), 0
    older_than = timedelta(0) if run else timedelta(hours=hours)
    for item in temporary_datasets.find(client, run, older_than):
        age = f"{item.age.total_seconds() / 3600:.1f} h old, of run {item.run}"
        if dry_run:
            print(f"would delete {item.dataset_id} ({age})")
            continue
        try:
            temporary_datasets.delete(client, item)
            print(f"deleted {item.dataset_id} ({age})")
        except GoogleAPICallError as error:
            failed += 1
            print(f"not deleted {item.dataset_id} ({age}): {error.message}", file=sys.stderr)
    return failed


def main() -> None:
    """Read the command line, clean up and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.cleanup", description=__doc__)
    parser.add_argument("--run", help="run whose datasets are deleted (its WWI_TEST_RUN)")
    parser.add_argument(
        "--hours", type=float, default=HOURS, help="without --run: minimum age of the datasets"
    )
    parser.add_argument("--dry-run", action="store_true", help="only list the datasets")
    chosen = parser.parse_args()
    try:
        sys.exit(min(clean_up(Settings(), run=chosen.run, hours=chosen.hours, dry_run=chosen.dry_run), 1))
    except WwiError as error:
        sys.exit(f"tests.cleanup: {error}")


if __name__ == "__main__":
    main()
