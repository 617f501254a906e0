"""Where exported data goes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import typer

from mlv.app.look.exporting import open_output
from mlv.errors import UsageError


@contextmanager
def opened_output(path: Path | None, form: str) -> Iterator[BinaryIO]:
    """Open a file that is not there yet, or standard output where no path is given.

    Raises:
        UsageError: Binary data would go to a terminal.
        NotPossibleError: The file is there.
        StorageError: It cannot be written.
    """
    if path is not None:
        with open_output(path) as file:
            yield file
        typer.echo(f"wrote {path}", err=True)
        return
    if form == "parquet" and sys.stdout.isatty():
        raise UsageError("Parquet is not for a terminal", hint="name a file with `-o FILE`")
    sys.stdout.flush()
    yield sys.stdout.buffer
    sys.stdout.buffer.flush()


def print_attachments(paths: Sequence[Path]) -> None:
    """Print which files were written."""
    for path in paths:
        typer.echo(str(path))
    if not paths:
        typer.echo("the run has no attachments", err=True)
