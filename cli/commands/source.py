"""`wwi source ...`: manage the local source, simulate business in it, restore a dump into it."""
# ruff: noqa: PLC0415 - commands import what they run, so that help stays quick

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.pages.output import print_json, progress
from cli.service_in_use import Force, check_not_in_use

app = typer.Typer(no_args_is_help=True, help="Manage the local source, a PostgreSQL on this machine.")


@app.command()
def up() -> None:
    """Start the local source, unless it is running."""
    from sandbox import postgres

    with progress():
        address = postgres.up(options.settings())
    print(f"source up on port {address['port']}")


@app.command()
def down(force: Force = False) -> None:
    """Stop the local source; its data is kept. Fails while a run is using it."""
    from sandbox import postgres

    settings = options.settings()
    check_not_in_use(settings, "source", force=force)
    print("source stopped" if postgres.down(settings) else "source was not running")


@app.command()
def reset(force: Force = False) -> None:
    """Stop the local source and delete its data. Fails while a run is using it."""
    from sandbox import postgres

    settings = options.settings()
    check_not_in_use(settings, "source", force=force)
    postgres.reset(settings)
    print("source deleted")


@app.command()
def dsn(
    admin: Annotated[
        bool, typer.Option("--admin", help="Print the owner's DSN of the local source instead.")
    ] = False,
) -> None:
    """Print the source DSN: WWI_SOURCE_DSN without its password, or that of the local source."""
    settings = options.settings()
    if not admin:
        from ingestion.source.dsn import without_password

        given = settings.source_dsn
        print(settings.resolve_source_dsn() if given is None else without_password(given))
        return
    from sandbox import postgres

    print(postgres.up(settings)["admin_dsn"])


@app.command(context_settings={"ignore_unknown_options": True})
def psql(
    arguments: Annotated[
        list[str] | None, typer.Argument(help="Arguments for psql, e.g. --file rows.sql; none: a prompt.")
    ] = None,
) -> None:
    """Run psql on the local source as its owner, to read or change its tables."""
    from sandbox import postgres

    raise typer.Exit(postgres.psql(options.settings(), arguments or ()))


@app.command()
def grants(
    role: Annotated[str, typer.Argument(help="The Postgres role to grant to.")] = "wwi_reader",
) -> None:
    """Print the SQL that grants a role read access to the columns that are loaded, without secret ones."""
    from ingestion.source.postgres import reader_grants
    from metadata.load import load_catalog

    for statement in reader_grants(load_catalog(), role):
        print(f"{statement};")


@app.command()
def simulate(  # noqa: PLR0913, PLR0917 - one parameter per option
    first: Annotated[
        datetime | None,
        typer.Option(
            "--from", formats=["%Y-%m-%d"], help="First day; default: the day after the last simulated one."
        ),
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day, inclusive.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Number of days, instead of --to.")] = None,
    scale: Annotated[
        float | None,
        typer.Option(help="Size of the business; default: as before, 1 for an empty source."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Random seed; default: as before, 42 for an empty source."),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Simulate days of business in the local source, continuing after the last simulated day."""
    from sandbox import simulation

    with progress():
        done = simulation.simulate(
            options.settings(),
            first=first.date() if first else None,
            last=last.date() if last else None,
            days=days,
            scale=scale,
            seed=seed,
        )
    if as_json:
        print_json(done)
    else:
        lines = f"{done.order_lines} order lines, {done.seconds:.1f} s"
        print(f"simulated {done.first_day} to {done.last_day}: {lines}")


@app.command()
def restore(
    file: Annotated[
        Path, typer.Argument(help="A dump made by `pg_dump`, in custom, tar or directory format.")
    ],
) -> None:
    """Replace the local source's data with a dump of Wide World Importers."""
    from metadata.load import load_catalog
    from sandbox.restore import restore as restore_dump

    with progress():
        tables = restore_dump(options.settings(), file, load_catalog())
    print(f"{tables} tables restored from {file}")
