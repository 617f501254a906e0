"""A Typer application of one command that does next to nothing, to hold mlv's start against.

With `BARE_TYPER_PLAIN` set it prints help without Rich, as mlv does.
"""

import os
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None if "BARE_TYPER_PLAIN" in os.environ else "rich")


def _print_version(wanted: bool) -> None:  # noqa: FBT001  # as Typer calls it
    if wanted:
        typer.echo("bare 1.0")
        raise typer.Exit


@app.command()
def main(
    *,
    version: Annotated[bool, typer.Option(callback=_print_version, is_eager=True)] = False,
) -> None:
    """Do nothing, or show the version."""


if __name__ == "__main__":
    app()
