"""Decide which variables of the environment dbt and Prefect see.

Both read hundreds of variables and some files of the current folder. One that another project left behind
would change a load: DBT_EMPTY=1 empties the marts, PREFECT_TASKS_DEFAULT_RETRIES repeats steps. So all
variables of the two are removed, except those that the platform sets and the few in KEPT and CONNECTION.
"""

import logging
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import chdir, contextmanager
from pathlib import Path

logger = logging.getLogger(__name__)

# How to reach a Prefect server that somebody else runs; they count only together with the first one.
CONNECTION = (
    "PREFECT_API_URL",
    "PREFECT_API_KEY",
    "PREFECT_API_AUTH_STRING",
    "PREFECT_API_SSL_CERT_FILE",
    "PREFECT_API_TLS_INSECURE_SKIP_VERIFY",
    "PREFECT_API_ENABLE_HTTP2",
    "PREFECT_API_REQUEST_TIMEOUT",
    "PREFECT_CLIENT_CUSTOM_HEADERS",
)
# How much Prefect logs, and how often its worker asks for work: neither changes what is loaded.
KEPT = (
    "PREFECT_LOGGING_LEVEL",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL",
    "PREFECT_LOGGING_TO_API_ENABLED",
    "PREFECT_LOGGING_EXTRA_LOGGERS",
    "PREFECT_WORKER_QUERY_SECONDS",
)
# Many people export these for other work. They are removed like all others, but without a warning.
UNREMARKABLE = (
    *CONNECTION,
    "PREFECT_HOME",
    "PREFECT_PROFILE",
    "DBT_PACKAGE_HUB_URL",
    "DBT_PROFILES_DIR",
    "DBT_SEND_ANONYMOUS_USAGE_STATS",
    "DBT_LOG_PATH",
    "DBT_TARGET_PATH",
)
UNREMARKABLE_STARTS = ("DBT_ENV_", "DBT_CLOUD_", "PREFECT__")

_warned: set[str] = set()


@contextmanager
def dbt_variables(variables: Mapping[str, str]) -> Iterator[None]:
    """Give dbt these variables, no other DBT_ variable and no empty WWI_ one, inside the block."""
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
    """Give Prefect these variables and those of KEPT, from now on; call it before `prefect` is imported.

    The variables of CONNECTION stay where PREFECT_API_URL names a server. A variable of KEPT wins over ours.
    """
    connection = CONNECTION if os.environ.get("PREFECT_API_URL", "").strip() else ()
    remove("PREFECT_", kept=(*connection, *KEPT))
    for name, value in variables.items():
        if name not in KEPT or name not in os.environ:
            os.environ[name] = value


def import_prefect(folder: Path) -> None:
    """Import Prefect while `folder` is the current one.

    On import it reads the files .env, prefect.toml and pyproject.toml of the current folder, and keeps them.
    """
    with chdir(folder):
        import prefect.main  # noqa: F401, PLC0415 - after its variables were set


def remove(prefix: str, *, kept: Collection[str]) -> None:
    """Remove all variables with this prefix but the non-empty ones that are kept; warn of each once."""
    found = [name for name in os.environ if name.upper().startswith(prefix)]
    removed = [name for name in found if name not in kept or not os.environ[name].strip()]
    for name in removed:
        del os.environ[name]
    worth_a_word = sorted(name for name in removed if not _is_unremarkable(name) and name not in _warned)
    if worth_a_word:
        _warned.update(worth_a_word)
        logger.warning(
            "ignored: %s. Variables of dbt and Prefect do not change a load; "
            "docs/reference/settings.md lists those that count.",
            ", ".join(worth_a_word),
        )


def _is_unremarkable(name: str) -> bool:
    return name in UNREMARKABLE or name.startswith(UNREMARKABLE_STARTS)
