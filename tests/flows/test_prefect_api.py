"""The settings that `wwi` gives Prefect."""

from cli.pages.output import SHOWN_LOGGERS
from flows.prefect_api import EXTERNAL, SERVING


def test_prefect_shows_the_logs_of_all_packages_that_a_flow_runs() -> None:
    expected = set(SHOWN_LOGGERS) - {"cli", "sandbox"}
    for variables in (EXTERNAL, SERVING):
        assert set(variables["PREFECT_LOGGING_EXTRA_LOGGERS"].split(",")) == expected
