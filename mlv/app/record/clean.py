"""Insist that a commit holds all of the code, for `mlv run --require-clean`."""

from __future__ import annotations

from mlv.app.code.submodules import record_submodules
from mlv.app.record.earlier_outputs import find_earlier_outputs
from mlv.app.runs import read_runs
from mlv.app.workspace import Workspace
from mlv.core.enumeration import enumerate_some
from mlv.errors import WorktreeError
from mlv.git.worktree_state import read_worktree_state

_COMMIT = "git add -A && git commit"


def check_clean(workspace: Workspace) -> None:
    """Check that a commit holds all of the code. Nothing is recorded.

    Outputs of earlier runs are no code, and neither are files that Git ignores.

    Raises:
        WorktreeError: Something is not committed, or there is no commit.
        GitError: Git refuses.
        CorruptDataError: The operation log is damaged.
    """
    state = read_worktree_state(workspace.git)
    if state.head.commit is None:
        message = "this repository has no commit yet"
        raise WorktreeError(message, hint=f"make one with `{_COMMIT}`")
    changed = set(state.changed_files)
    if not changed.isdisjoint(state.new_files):
        changed -= find_earlier_outputs(
            workspace, read_runs(workspace).runs, state.new_files
        ).keys()
    submodules = record_submodules(workspace, state).submodules
    changed |= {each.path for each in submodules if each.dirty}
    if changed:
        message = f"changes that are not committed: {enumerate_some(sorted(changed))}"
        raise WorktreeError(message, hint=f"commit them with `{_COMMIT}`")
