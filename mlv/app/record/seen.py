"""What the command was seen to read and write, less what does not count."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property

import msgspec

from mlv.app.live_run import KnownFile, LiveRun, RunStart
from mlv.app.record.touched import CODE_SUFFIXES, began_ns, find_touched, has_company
from mlv.app.workspace import Workspace
from mlv.capture.observe import (
    FileSignature,
    Observations,
    ObservedProcess,
    read_observations,
)
from mlv.core.enumeration import enumerate_some
from mlv.core.environment import Environment
from mlv.core.paths import RepoPath, is_below, parents_of
from mlv.git.sensitive import is_secret_path
from mlv.store.failures import storage_errors
from mlv.worktree.paths import is_inside, os_path, real_path
from mlv.worktree.signature import read_signature

_IGNORE_FILE = ".mlvignore"


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Files that count as inputs and outputs.

    Attributes:
        reads: Files that were read before anything was written to them, with
            their metadata when they were first opened. Params files and code are
            recorded as such, and are not listed.
        declared_reads: Declared inputs of which at least one file was read.
        writes: Files that were written and are still there, metrics files and what
            native code wrote included.
        processes: Python processes that were watched.
        problems: What could not be told.
    """

    reads: Mapping[RepoPath, FileSignature]
    declared_reads: frozenset[RepoPath]
    writes: tuple[RepoPath, ...]
    processes: tuple[ObservedProcess, ...]
    problems: tuple[str, ...]


def see(workspace: Workspace, live: LiveRun) -> Seen:
    """Return what was seen of a run.

    Raises:
        CorruptDataError: The operation log is damaged.
    """
    start = live.start
    observed = read_observations(live.directory)
    ignored = _Ignored(workspace)
    tracked = workspace.git.tracked(observed.reads) if observed.reads else {}
    known = tracked.keys() | _untracked_code(start)
    declared = {each.path for each in start.inputs if each.source == "declared"}
    unseen, problems = _find_unseen(workspace, start, observed)
    made = frozenset(unseen).difference(each.path for each in start.inputs)
    written = dict.fromkeys((*observed.writes, *_written_metrics(workspace, start), *unseen))
    return Seen(
        reads={
            path: signature
            for path, signature in observed.reads.items()
            # The snapshot holds links, not what lies behind them.
            if (path not in known or os_path(workspace.root, path).is_symlink())
            # What was made after the run began was made by the run.
            and path not in made
            and not ignored(path)
            and not is_secret_path(path)
            and not any(is_below(path, each) for each in declared)
        },
        declared_reads=frozenset(
            each for each in declared if any(is_below(path, each) for path in observed.reads)
        ),
        writes=tuple(
            path
            for path in written
            if not ignored(path)
            and not is_secret_path(path)
            and os_path(workspace.root, path).is_file()
        ),
        processes=observed.processes,
        problems=(
            *problems,
            *_secrets(observed),
            *_changed_code(start, observed, tracked),
            *_unwatched(workspace, start, observed),
        ),
    )


def _find_unseen(
    workspace: Workspace, start: RunStart, observed: Observations
) -> tuple[tuple[RepoPath, ...], tuple[str, ...]]:
    """Return files that something unwatched wrote, and why they may not be all."""
    if not start.observed:
        return (), ()
    accounted = {each.path for each in start.inputs} | {each.path for each in start.outputs}
    accounted |= {RepoPath(source.name) for source in start.params}
    unseen = tuple(
        path
        for path in find_touched(workspace, start)
        if path not in observed.writes
        and accounted.isdisjoint((RepoPath("."), *parents_of(path), path))
    )
    if not unseen or not has_company(workspace, start):
        return unseen, ()
    message = (
        f"it is not known which of the runs that went on together wrote {enumerate_some(unseen)}:"
        " declare outputs with --output"
    )
    return (), (message,)


def _secrets(observed: Observations) -> Iterator[str]:
    for path in sorted({*observed.reads, *observed.writes}):
        if is_secret_path(path):
            yield f"{path} looks like a secret: the command opened it, and it is not recorded"


def _changed_code(
    start: RunStart, observed: Observations, tracked: Collection[RepoPath]
) -> Iterator[str]:
    since_ns = began_ns(start)
    for path, opened in observed.reads.items():
        if path in tracked and path not in observed.writes and opened.ctime_ns >= since_ns:
            yield f"{path} was edited after the run began: the snapshot holds it as it was before"


def _unwatched(workspace: Workspace, start: RunStart, observed: Observations) -> Iterator[str]:
    if not start.observed or observed.processes or start.environment is None:
        return
    if workspace.objects.read_record(start.environment, Environment).interpreter is not None:
        yield "this Python could not be watched (python -I, -E or -S?): its inputs are not known"


def has_changed(workspace: Workspace, known: KnownFile) -> bool:
    """Tell whether anything was done to a file since before the command started."""
    now = read_signature(real_path(workspace.root, known.path), now_ns=time.time_ns())
    return now.value != known.signature.value


def _untracked_code(start: RunStart) -> frozenset[RepoPath]:
    scripts = (path for path in start.code.untracked if path.endswith(CODE_SUFFIXES))
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
