"""Prevent users from stopping a local service while a run is using it."""

from typing import TYPE_CHECKING, Annotated

import typer

from metadata.errors import WwiError

if TYPE_CHECKING:
    from config.settings import Settings

Force = Annotated[bool, typer.Option("--force", help="Also if a run is using it; the run then fails.")]
AUDIT = "_audit"


def check_not_in_use(settings: "Settings", service: str, *, force: bool) -> None:
    """Raise WwiError if a run is using the local service ("source" or "warehouse"), unless `force`.

    A warehouse can contain several platforms (dataset prefixes), each with its own lease.
    """
    from warehouse.client import connect  # noqa: PLC0415 - so that help stays quick
    from warehouse.errors import translated  # noqa: PLC0415
    from warehouse.lease_holder import active_holder  # noqa: PLC0415

    external = {"source": {"WWI_SOURCE_DSN"}, "warehouse": {"WWI_TARGET", "WWI_WAREHOUSE_URL"}}[service]
    if force or not external.isdisjoint(settings.external_services):
        return
    try:
        client = connect(settings)
        with translated("datasets"):
            names = [each.dataset_id for each in client.list_datasets(timeout=30)]
        platforms = [name.removesuffix(AUDIT) for name in names if name.endswith(AUDIT)]
        runs = [
            active_holder(client, settings.model_copy(update={"dataset_prefix": each})) for each in platforms
        ]
    except WwiError:
        return  # no run can use a warehouse that does not answer
    for run in filter(None, runs):
        raise WwiError(
            f"a run is using the local {service}: {run}. Wait for it to end, or stop it with Ctrl-C. "
            f"With --force the {service} stops anyway and the run fails."
        )
