"""Run bqemulator with the patches of this package: `python -m sandbox.emulator start ...`."""

import os

from bqemulator.cli import main

from config.private_files import UMASK
from sandbox.emulator.exact_numerics import apply_numeric_patches
from sandbox.emulator.keywords import quote_keywords
from sandbox.emulator.load_jobs import correct_load_jobs
from sandbox.emulator.speed import apply_speed_patches


def run(*, without: str | None = None) -> None:
    """Run the emulator until it is stopped. `without`: the name of a speed patch to leave out."""
    os.umask(UMASK)
    apply_speed_patches(without=without)
    correct_load_jobs()
    quote_keywords()
    apply_numeric_patches()
    main()


if __name__ == "__main__":
    run()
