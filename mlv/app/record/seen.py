"""What the command was seen to read and write, less what does not count."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

import msgspec

from mlv.app.live_run import KnownFile, LiveRun, RunStart
from mlv.app.workspace import Workspace
from mlv.capture.observe import FileSignature, ObservedProcess, read_observations
from mlv.core.paths import RepoPath, is_below
from mlv.store.failures import storage_errors
from mlv.worktree.paths import is_inside, os_path
from mlv.worktree.signature import read_signature

_IGNORE_FILE = ".mlvignore"
_CODE_SUFFIXES = (".py", ".ipynb", ".sh")
"""Files that are code even before Git tracks them; the snapshot holds them."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Files that count as inputs and outputs.

    Attributes:
        reads: Files that were read before anything was written to them, with
            their metadata when they were first opened. Params files and code are
            recorded as such, and are not listed.
        declared_reads: Declared inputs of which at least one file was read.
        writes: Files that were written and are still there, metrics files included.
        processes: Python processes that were watched.
    """

    reads: Mapping[RepoPath, FileSignature]
    declared_reads: frozenset[RepoPath]
    writes: tuple[RepoPath, ...]
    processes: tuple[ObservedProcess, ...]


def see(workspace: Workspace, live: LiveRun) -> Seen:
    """Return what was seen of a run."""
    observed = read_observations(live.directory)
    ignored = _Ignored(workspace)
    tracked = workspace.git.tracked(observed.reads) if observed.reads else {}
    known = tracked.keys() | _untracked_code(live.start)
    written = dict.fromkeys((*observed.writes, *_written_metrics(workspace, live.start)))
    declared = {known.path for known in live.start.inputs if known.source == "declared"}
    return Seen(
        reads={
            path: signature
            for path, signature in observed.reads.items()
            # The snapshot holds links, not what lies behind them.
            if (path not in known or os_path(workspace.root, path).is_symlink())
            and not ignored(path)
            and not any(is_below(path, each) for each in declared)
        },
        declared_reads=frozenset(
            each for each in declared if any(is_below(path, each) for path in observed.reads)
        ),
        writes=tuple(
            path
            for path in written
            if not ignored(path) and os_path(workspace.root, path).is_file()
        ),
        processes=observed.processes,
    )


def has_changed(workspace: Workspace, known: KnownFile) -> bool:
    """Tell whether anything was done to a file since before the command started."""
    now = read_signature(os_path(workspace.root, known.path), now_ns=time.time_ns())
    return now.value != known.signature.value


def _untracked_code(start: RunStart) -> frozenset[RepoPath]:
    scripts = (path for path in start.code.untracked if path.endswith(_CODE_SUFFIXES))
    return frozenset((*scripts, *(RepoPath(source.name) for source in start.params)))


def _written_metrics(workspace: Workspace, start: RunStart) -> Iterator[RepoPath]:
    for known in start.metrics_files:
        if is_inside(known.path) and has_changed(workspace, known):
            yield known.path


class _Ignored:
    """Tells whether `.mlvignore` at the root, in the syntax of `.gitignore`, names a path."""

    def __init__(self, workspace: Workspace) -> None:
        self._file = workspace.root / _IGNORE_FILE

    def __call__(self, path: RepoPath) -> bool:
        return self._match is not None and self._match(path)

    @cached_property
    def _match(self) -> Callable[[str], bool] | None:
        if not self._file.exists():
            return None
        from pathspec import GitIgnoreSpec

        with storage_errors(f"read {self._file}"):
            lines = self._file.read_text(errors="replace").splitlines()
        return GitIgnoreSpec.from_lines(lines).match_file
