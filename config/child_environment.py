"""Decide which variables of the environment dbt and Prefect see.

Both read hundreds of variables and some files in the current folder. A variable left over from another
project would change a load: DBT_EMPTY=1 empties the marts, PREFECT_TASKS_DEFAULT_RETRIES repeats steps. So
all DBT_ and PREFECT_ variables are removed, except those that the platform sets and the few in KEPT and
CONNECTION.
"""

import logging
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import chdir, contextmanager
from pathlib import Path

logger = logging.getLogger(__name__)

# How to reach an external Prefect server. They are used only if the first one is set.
CONNECTION = (
    "PREFECT_API_URL",
    "PREFECT_API_KEY",
    "PREFECT_API_AUTH_STRING",
    "PREFECT_API_SSL_CERT_FILE",
    "PREFECT_API_TLS_INSECURE_SKIP_VERIFY",
    "PREFECT_API_ENABLE_HTTP2",
    "PREFECT_API_REQUEST_TIMEOUT",
    "PREFECT_CLIENT_CUSTOM_HEADERS",
    "PREFECT_UI_URL",
)
# Logging, and how often the worker polls for work: neither changes what is loaded.
KEPT = (
    "PREFECT_LOGGING_LEVEL",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL",
    "PREFECT_LOGGING_TO_API_ENABLED",
    "PREFECT_LOGGING_EXTRA_LOGGERS",
    "PREFECT_WORKER_QUERY_SECONDS",
)
# Often exported for other work. They are removed like all others, but without a warning.
REMOVED_SILENTLY = (
    *CONNECTION,
    "PREFECT_HOME",
    "PREFECT_PROFILE",
    "DBT_PACKAGE_HUB_URL",
    "DBT_PROFILES_DIR",
    "DBT_SEND_ANONYMOUS_USAGE_STATS",
    "DBT_LOG_PATH",
    "DBT_TARGET_PATH",
)
REMOVED_SILENTLY_PREFIXES = ("DBT_ENV_", "DBT_CLOUD_", "PREFECT__")

_warned: set[str] = set()


@contextmanager
def dbt_variables(variables: Mapping[str, str]) -> Iterator[None]:
    """Set these variables for dbt inside the block; remove all other DBT_ and all empty WWI_ variables."""
    before = dict(os.environ)
    remove("DBT_", kept=variables)
    for name in [name for name, value in before.items() if name.startswith("WWI_") and not value.strip()]:
        del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in [name for name in os.environ if name not in before]:
            del os.environ[name]
        os.environ.update(before)


def set_prefect_variables(variables: Mapping[str, str]) -> None:
    """Set these variables for Prefect, for the rest of the process. Call it before `prefect` is imported.

    Variables in CONNECTION are kept if PREFECT_API_URL names a server. Variables in KEPT override ours.
    """
    connection = CONNECTION if os.environ.get("PREFECT_API_URL", "").strip() else ()
    remove("PREFECT_", kept=(*connection, *KEPT))
    for name, value in variables.items():
        if name not in KEPT or name not in os.environ:
            os.environ[name] = value


def import_prefect(folder: Path) -> None:
    """Import Prefect with `folder` as the current folder.

    On import, Prefect reads .env, prefect.toml and pyproject.toml from the current folder.
    """
    with chdir(folder):
        import prefect.main  # noqa: F401, PLC0415 - its variables must be set first


def remove(prefix: str, *, kept: Collection[str]) -> None:
    """Remove all variables with this prefix except the non-empty ones in `kept`. Warn once about each."""
    found = [name for name in os.environ if name.upper().startswith(prefix)]
    removed = [name for name in found if name not in kept or not os.environ[name].strip()]
    for name in removed:
        del os.environ[name]
    warned = sorted(name for name in removed if not _is_removed_silently(name) and name not in _warned)
    if warned:
        _warned.update(warned)
        logger.warning(
            "ignored: %s. Variables of dbt and Prefect do not affect a load. "
            "docs/reference/settings.md lists the variables that do.",
            ", ".join(warned),
        )


def _is_removed_silently(name: str) -> bool:
    return name in REMOVED_SILENTLY or name.startswith(REMOVED_SILENTLY_PREFIXES)
