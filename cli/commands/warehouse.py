"""`wwi warehouse ...`: start, stop and reset the local warehouse."""
# ruff: noqa: PLC0415 - commands import what they run, so that help stays quick

import typer

from cli import options
from cli.pages.output import progress
from cli.service_in_use import Force, check_not_in_use

app = typer.Typer(
    no_args_is_help=True, help="Manage the local warehouse, a BigQuery emulator on this machine."
)


@app.command()
def up() -> None:
    """Start the local warehouse, unless it is running."""
    from sandbox import warehouse

    with progress():
        address = warehouse.up(options.settings())
    print(f"warehouse up at {address['url']}")


@app.command()
def down(force: Force = False) -> None:
    """Stop the local warehouse; its data is kept. Fails while a run is using it."""
    from sandbox import warehouse

    settings = options.settings()
    check_not_in_use(settings, "warehouse", force=force)
    print("warehouse stopped" if warehouse.down(settings) else "warehouse was not running")


@app.command()
def reset(force: Force = False) -> None:
    """Stop the local warehouse and delete its data. Fails while a run is using it."""
    from sandbox import warehouse

    settings = options.settings()
    check_not_in_use(settings, "warehouse", force=force)
    warehouse.reset(settings)
    print("warehouse deleted")


@app.command()
def url() -> None:
    """Print the address of the running local warehouse."""
    print(options.settings().resolve_warehouse_url())
