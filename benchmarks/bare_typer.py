"""A Typer application of one command that does next to nothing, to hold mlv's start against."""

import typer


def main(*, version: bool = False) -> None:
    """Do nothing, or show the version."""
    if version:
        typer.echo("bare 1.0")


if __name__ == "__main__":
    typer.run(main)
