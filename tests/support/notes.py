"""Record a run, and keep what is said meanwhile."""

from __future__ import annotations

from typing import Any

import msgspec

from mlv.app.publish import read_invocation
from mlv.app.record.begin import RunRequest
from mlv.app.record.run_command import run_command
from mlv.app.reporter import SilentReporter
from mlv.core.run import Run
from tests.support.repository import Repository


class NotedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run, and the notes that were made of it before its command started."""

    run: Run
    notes: tuple[str, ...]


class Notes(SilentReporter):
    """Keeps notes."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        """Keep a note."""
        self.texts.append(text)


def run_with_notes(repo: Repository, **request: Any) -> NotedRun:  # noqa: ANN401
    """Record a run of `true`."""
    workspace = repo.open()
    notes = Notes()
    asked = RunRequest(argv=("true",), directory=repo.root, **request)
    run = run_command(workspace, asked, read_invocation(workspace, ("mlv", "run")), notes)
    return NotedRun(run=run, notes=tuple(notes.texts))
