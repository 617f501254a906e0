"""Outputs: what the command wrote, fingerprinted and stored when it has ended."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mlv.app.live_run import RunStart
from mlv.app.record.seen import Seen, has_changed
from mlv.app.workspace import Workspace
from mlv.core.paths import RepoPath, is_below
from mlv.core.run import Output, Source
from mlv.errors import MissingFileError, UnreadableFileError
from mlv.worktree.fingerprint import fingerprint
from mlv.worktree.paths import real_path, repo_path


def seal_outputs(
    workspace: Workspace, start: RunStart, seen: Seen, artifacts: Iterable[str]
) -> tuple[tuple[Output, ...], tuple[str, ...]]:
    """Return the outputs of a run, sorted by path, and what is wrong with them.

    Args:
        workspace: Where it ran.
        start: What was declared at the start.
        seen: What the command was seen to write.
        artifacts: Absolute paths that the program declared while it ran.

    Raises:
        FileChangedError: Something still writes to an output.
        StorageError: The disk is full, read-only or failing.
    """
    stale = {known.path for known in start.outputs if not has_changed(workspace, known)}
    declared = {known.path for known in start.outputs}
    declared |= {repo_path(workspace.root, Path(path)) for path in artifacts}
    sources: dict[RepoPath, Source] = dict.fromkeys(declared, "declared")
    for path in seen.writes:
        if path in declared:
            sources[path] = "both"
        elif not any(is_below(path, each) for each in declared):
            sources[path] = "observed"
    if not sources:
        return (), ()
    outputs: list[Output] = []
    problems: list[str] = []
    with workspace.objects.transaction() as objects:
        for path, source in sorted(sources.items()):
            if path in stale:
                problems.append(f"output {path} was declared, but the command did not write it")
                continue
            try:
                found = fingerprint(real_path(workspace.root, path), objects)
            except MissingFileError:
                problems.append(f"output {path} was declared, but the command did not write it")
            except UnreadableFileError as error:
                problems.append(f"output {path} was not stored: {error.message}")
            else:
                outputs.append(Output(path=path, source=source, fingerprint=found))
    return tuple(outputs), tuple(problems)
