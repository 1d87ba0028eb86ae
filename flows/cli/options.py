"""Options that several commands share, and the settings made from the environment."""

from typing import TYPE_CHECKING, Annotated

import typer

from metadata.errors import WwiError

if TYPE_CHECKING:
    from ingestion.settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def settings() -> "Settings":
    """Return the settings of the environment and of .env; WwiError names every one that is wrong."""
    from pydantic import ValidationError  # noqa: PLC0415

    from ingestion.settings import Settings  # noqa: PLC0415

    try:
        return Settings()
    except ValidationError as error:
        wrong = [f"  WWI_{str(each['loc'][0]).upper()}: {each['msg']}" for each in error.errors()]
        raise WwiError("\n".join(["wrong settings, in the environment or in .env:", *wrong])) from error
