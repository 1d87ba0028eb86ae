"""`wwi source ...`: the local source, its simulator, and restoring a dump into it."""
# ruff: noqa: PLC0415 - commands import what they run, so that help stays quick

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.no_run import Force, check_no_run
from cli.pages.output import print_json, progress

app = typer.Typer(no_args_is_help=True, help="The local source: PostgreSQL on this machine.")


@app.command()
def up() -> None:
    """Start the local source; nothing happens when it runs."""
    from sandbox import postgres

    with progress():
        address = postgres.up(options.settings())
    print(f"source up on port {address['port']}")


@app.command()
def down(force: Force = False) -> None:
    """Stop the local source; its data stay. It refuses while a run is using it."""
    from sandbox import postgres

    settings = options.settings()
    check_no_run(settings, "source", force=force)
    print("source stopped" if postgres.down(settings) else "source was not running")


@app.command()
def reset(force: Force = False) -> None:
    """Stop the local source and delete its data. It refuses while a run is using it."""
    from sandbox import postgres

    settings = options.settings()
    check_no_run(settings, "source", force=force)
    postgres.reset(settings)
    print("source deleted")


@app.command()
def dsn(
    admin: Annotated[bool, typer.Option("--admin", help="The owner's, not the reading login's.")] = False,
) -> None:
    """Print the DSN that is read: WWI_SOURCE_DSN without its password, else that of the local source."""
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
        list[str] | None, typer.Argument(help="What psql is told, e.g. --file rows.sql; nothing: a prompt.")
    ] = None,
) -> None:
    """Run psql on the local source as its owner: to look at its tables, or to change something to load."""
    from sandbox import postgres

    raise typer.Exit(postgres.psql(options.settings(), arguments or ()))


@app.command()
def grants(
    role: Annotated[str, typer.Argument(help="The reading login.")] = "wwi_reader",
) -> None:
    """Print the SQL that lets a login of your own Postgres read what is loaded, and no secret column."""
    from ingestion.source.postgres import reader_grants
    from metadata.load import load_catalog

    for statement in reader_grants(load_catalog(), role):
        print(f"{statement};")


@app.command()
def simulate(  # noqa: PLR0913, PLR0917 - one parameter per option
    first: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="First day; default: where the source ends."),
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day, this one included.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Number of days, instead of --to.")] = None,
    scale: Annotated[
        float | None, typer.Option(help="Size of the business; default: that of the source, at first 1.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Same seed, same business; default: that of the source, at first 42.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Write days of business into the local source, continuing where it ends."""
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
    """Replace the local source's data by a dump of Wide World Importers."""
    from metadata.load import load_catalog
    from sandbox.restore import restore as restore_dump

    with progress():
        tables = restore_dump(options.settings(), file, load_catalog())
    print(f"{tables} tables restored from {file}")
