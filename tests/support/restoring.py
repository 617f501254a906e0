"""Rollback and undo in this process."""

from __future__ import annotations

from mlv.app.publish import Invocation, read_invocation
from mlv.app.reporter import SilentReporter
from mlv.app.restore.rollback import RollbackRequest, RollbackResult
from mlv.app.restore.rollback import roll_back as roll_back_run
from mlv.app.restore.undo import UndoResult
from mlv.app.restore.undo import undo as undo_operation
from tests.support.repository import Repository


def roll_back(
    repo: Repository, reference: str = "first", *paths: str, overwrite: bool = False
) -> RollbackResult:
    """Roll back to a run; paths are relative to the root."""
    asked = RollbackRequest(
        reference=reference, paths=tuple(repo.root / path for path in paths), overwrite=overwrite
    )
    return roll_back_run(repo.open(), asked, _invocation(repo), SilentReporter())


def undo(repo: Repository, reference: str | None = None) -> UndoResult:
    """Take back an operation."""
    return undo_operation(repo.open(), reference, _invocation(repo))


def files(repo: Repository) -> dict[str, tuple[int, bytes]]:
    """Return what the user sees: everything but Git's and mlv's own."""
    hidden = (".git", ".mlv")
    return {path: each for path, each in repo.state().items() if path.split("/")[0] not in hidden}


def _invocation(repo: Repository) -> Invocation:
    return read_invocation(repo.open(), ("mlv", "rollback"))
