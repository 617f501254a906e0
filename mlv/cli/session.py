"""What every command needs: the workspace, who asks, and someone to talk to."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import typer

from mlv.app.publish import Invocation, read_invocation
from mlv.app.reporter import Progress, SilentProgress, Unit
from mlv.app.restore.change import finish_interrupted
from mlv.app.workspace import Workspace, open_workspace
from mlv.cli.render.progress import shown_progress, shows_progress
from mlv.config import load_settings
from mlv.errors import MissingFileError

_PATIENCE_S = 1.0


class TerminalReporter:
    """Writes notes and warnings to standard error."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet

    def note(self, text: str) -> None:
        """Write a note, unless it is to be quiet."""
        if not self._quiet:
            typer.echo(f"note: {text}", err=True)

    def warn(self, text: str, *, hint: str | None = None) -> None:
        """Write a warning, quiet or not."""
        typer.echo(f"warning: {text}" + (f"\nhint: {hint}" if hint else ""), err=True)

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """Say on a terminal what takes so long, once it has taken a second."""
        if self._quiet or not sys.stderr.isatty():
            yield
            return
        timer = threading.Timer(_PATIENCE_S, self.note, args=(f"{what} ...",))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def progress(
        self, what: str, total: int | None, unit: Unit
    ) -> AbstractContextManager[Progress]:
        """Show a bar on a terminal, once the block has taken a second."""
        if self._quiet or not shows_progress():
            return nullcontext(SilentProgress())
        return shown_progress(what, total, unit)


def open_here(*, quiet: bool = False) -> Workspace:
    """Open the workspace of the current directory.

    A change of files that was cut short is taken back first.

    Raises:
        NotARepositoryError, NoStoreError: There is none.
    """
    here = current_directory()
    workspace = open_workspace(here, load_settings(here))
    finish_interrupted(workspace, TerminalReporter(quiet=quiet))
    return workspace


def invocation_of(workspace: Workspace, *, reason: str | None = None) -> Invocation:
    """Return who asks, and with which words."""
    return read_invocation(workspace, ("mlv", *sys.argv[1:]), reason=reason)


def current_directory() -> Path:
    """Return the current directory.

    Raises:
        MissingFileError: Somebody removed it.
    """
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        message = "the current directory does not exist any more"
        raise MissingFileError(message, hint="go to another one with `cd`") from error


def change_directory(directory: Path) -> None:
    """Work as if started in `directory`.

    Raises:
        MissingFileError: It is not there, or is no directory.
    """
    try:
        os.chdir(directory)
    except OSError as error:
        message = f"cannot work in {str(directory)!r}: {(error.strerror or '').lower()}"
        raise MissingFileError(message) from error
