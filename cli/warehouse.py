"""`wwi warehouse ...`: the local warehouse."""
# ruff: noqa: PLC0415 - commands import what they run, so that help stays quick

import typer

from cli import options
from cli.no_run import Force, check_no_run
from cli.pages.output import progress

app = typer.Typer(no_args_is_help=True, help="The local warehouse: a BigQuery emulator on this machine.")


@app.command()
def up() -> None:
    """Start the local warehouse; nothing happens when it runs."""
    from sandbox import warehouse

    with progress():
        address = warehouse.up(options.settings())
    print(f"warehouse up at {address['url']}")


@app.command()
def down(force: Force = False) -> None:
    """Stop the local warehouse; its data stay. It refuses while a run is using it."""
    from sandbox import warehouse

    settings = options.settings()
    check_no_run(settings, "warehouse", force=force)
    print("warehouse stopped" if warehouse.down(settings) else "warehouse was not running")


@app.command()
def reset(force: Force = False) -> None:
    """Stop the local warehouse and delete its data. It refuses while a run is using it."""
    from sandbox import warehouse

    settings = options.settings()
    check_no_run(settings, "warehouse", force=force)
    warehouse.reset(settings)
    print("warehouse deleted")


@app.command()
def url() -> None:
    """Print the address of the running local warehouse."""
    print(options.settings().resolve_warehouse_url())
