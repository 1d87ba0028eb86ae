"""Check the WWI_ variables of the environment and of .env files: their names and their values."""

import os
import re
from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

from dotenv import dotenv_values
from pydantic import ValidationError

from config.errors import PermanentError
from metadata.naming import LOAD_PLAN, RAW_PREFIX

PREFIX = "WWI_"
# Variables with the prefix that are not settings: those for dbt, and those of tests and benchmarks.
OTHERS = (RAW_PREFIX, LOAD_PLAN)
OTHER_STARTS = ("WWI_TEST_", "WWI_HISTORY_", "WWI_CHAOS_", "WWI_BENCH_")

EnvFiles = Path | str | Sequence[Path | str] | None


def check_variables(settings: Collection[str], files: EnvFiles) -> None:
    """Raise PermanentError that lists each WWI_ variable that is not a setting, with the closest setting.

    Otherwise a misspelled setting has no effect: WWI_TARGTE=bigquery loads into the local warehouse.
    """
    known = [f"{PREFIX}{name.upper()}" for name in settings]
    problems = [*_unknown(os.environ, known, "in the environment")]
    for file in (files,) if isinstance(files, str | Path) else files or ():
        problems += _unknown(_names_in(Path(file)), known, f"in {Path(file).absolute()}")
    if problems:
        raise PermanentError("\n".join([*problems, "docs/reference/settings.md lists all settings."]))


def _unknown(names: Iterable[str], known: Sequence[str], place: str) -> Iterable[str]:
    for name in sorted(names):
        upper = name.upper()  # pydantic reads names in any case
        is_other = upper in OTHERS or upper.startswith(OTHER_STARTS)
        if upper.startswith(PREFIX) and upper not in known and not is_other:
            near = get_close_matches(upper, known, n=1)
            yield f"unknown setting {name} {place}: " + (f"did you mean {near[0]}?" if near else "unset it.")


def _names_in(file: Path) -> Iterable[str]:
    """Return the variables of a .env file, if it exists."""
    try:
        return dotenv_values(file, encoding="utf-8-sig", interpolate=False) if file.is_file() else ()
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise PermanentError(f"cannot read {file.absolute()}: {reason}.") from None


def wrong_values(error: ValidationError) -> str:
    """Return one line for each wrong setting, without the value, which may be a password."""
    lines = [
        f"  {PREFIX}{str(each['loc'][0]).upper()} {re.sub('^(Input|String|Value error,) ', '', each['msg'])}"
        for each in error.errors()
        if each["loc"]
    ]
    return "\n".join(["wrong settings, in the environment or in .env:", *lines])


def absolute_path(path: Path) -> Path:
    """Return the absolute path, with ~ expanded. Raises ValueError if that is impossible."""
    try:
        absolute = path.expanduser().absolute()
        absolute.resolve()
    except RuntimeError as error:
        raise ValueError(f"should be a usable path: {error}") from error
    return absolute
