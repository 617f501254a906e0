"""What the command was seen to read and write, less what does not count."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Container, Iterable, Iterator, Mapping

import msgspec

from mlv.app.live_run import KnownFile, LiveRun, RunStart
from mlv.app.record.company import Company, find_company
from mlv.app.record.left_out import LeavingOut
from mlv.app.record.made import find_made
from mlv.app.record.touched import CODE_SUFFIXES, began_ns, find_touched
from mlv.app.workspace import Workspace
from mlv.capture.observe import (
    UNKNOWN_SIGNATURE,
    FileSignature,
    Observations,
    ObservedProcess,
    read_observations,
)
from mlv.core.enumeration import enumerate_some
from mlv.core.paths import RepoPath, escape_name, is_below, parents_of, unescape_name
from mlv.worktree.fingerprint import SKIPPED_NAMES
from mlv.worktree.paths import is_inside, is_url, os_path, real_path, repo_path
from mlv.worktree.signature import read_signature

_MOST_NAMED = 5


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Files that count as inputs and outputs.

    Attributes:
        reads: Files that were read before anything was written to them, with
            their metadata when they were first opened. Params files and code are
            recorded as such, and are not listed.
        external: Files outside the repository that were read, likewise.
        declared_reads: Declared inputs of which at least one file was read.
        writes: Files that were written and are still there, metrics files and what
            native code wrote included.
        watched_writes: Those of them that a watched process wrote.
        code: Files that Git tracks, or that are code without it, and that were opened.
        imported: Source files of imported modules.
        processes: Python processes that were watched.
        libraries: Versions that the libraries in these processes reported.
        determinism: Seeds and switches that they reported.
        company: Other runs that went on in the same worktree.
        problems: What could not be told.
    """

    reads: Mapping[RepoPath, FileSignature]
    external: Mapping[RepoPath, FileSignature]
    declared_reads: frozenset[RepoPath]
    writes: tuple[RepoPath, ...]
    watched_writes: frozenset[RepoPath]
    code: tuple[RepoPath, ...]
    imported: frozenset[RepoPath]
    processes: tuple[ObservedProcess, ...]
    libraries: Mapping[str, str]
    determinism: Mapping[str, bool | int | str]
    company: Company
    problems: tuple[str, ...]


def see(workspace: Workspace, live: LiveRun) -> Seen:
    """Return what was seen of a run.

    Raises:
        CorruptDataError: The operation log is damaged.
    """
    start = live.start
    observed = read_observations(live.directory)
    company = find_company(workspace, start)
    touched = _find_unseen(workspace, start, observed)
    unseen, problems = _claim(touched, company)
    tracked = workspace.git.tracked(observed.reads) if observed.reads else {}
    # The snapshot holds links, not what lies behind them.
    known = tracked.keys() | _untracked_code(start)
    code = [path for path in observed.reads if path in known and not _is_link(workspace, path)]
    reads = observed.reads
    made = find_made(workspace, live, {path: reads[path] for path in touched if path in reads})
    made = made.difference(each.path for each in start.inputs)
    written = (*_written(workspace, observed), *_written_metrics(workspace, start), *unseen)
    counting = _Counting(workspace, start, observed, touched)
    return Seen(
        reads=counting.reads(made.union(code)),
        external=counting.external(),
        declared_reads=counting.declared_reads(),
        writes=counting.writes(written),
        watched_writes=frozenset(observed.writes),
        code=tuple(code),
        imported=observed.imported,
        processes=observed.processes,
        libraries=observed.libraries,
        determinism=observed.determinism,
        company=company,
        problems=(
            *problems,
            *counting.describe_secrets(),
            *_changed_code(start, observed, tracked),
            *_unwatched(start, observed),
        ),
    )


class _Counting:
    """Tells what counts of all that was opened."""

    def __init__(
        self,
        workspace: Workspace,
        start: RunStart,
        observed: Observations,
        touched: Iterable[RepoPath],
    ) -> None:
        self._workspace = workspace
        self._observed = observed
        self._rules = LeavingOut(workspace, start.allowed_secrets)
        opened = {*observed.reads, *observed.external, *observed.writes, *touched}
        self._secrets = dict.fromkeys(self._rules.find_secrets(sorted(opened)))
        self._declared = {
            each.path: _names_of(workspace, each.path)
            for each in start.inputs
            if each.source == "declared"
        }

    def reads(self, others: Container[RepoPath]) -> dict[RepoPath, FileSignature]:
        """Return the inputs in the worktree that nobody declared, less `others`."""
        return {
            path: signature
            for path, signature in self._observed.reads.items()
            if path not in others
            and path not in self._secrets
            and not self._rules.is_ignored(path)
            and not self._is_declared(path)
        }

    def external(self) -> dict[RepoPath, FileSignature]:
        """Return the inputs outside the worktree that nobody declared."""
        return {
            path: signature
            for path, signature in self._observed.external.items()
            if path not in self._secrets and not self._is_declared(path)
        }

    def declared_reads(self) -> frozenset[RepoPath]:
        """Return the declared inputs that were read."""
        paths = (*self._observed.reads, *self._observed.external)
        return frozenset(
            declared
            for declared, names in self._declared.items()
            if any(is_below(path, name) for name in names for path in paths)
        )

    def writes(self, paths: Iterable[RepoPath]) -> tuple[RepoPath, ...]:
        """Return the outputs among files that were written."""
        return tuple(
            path
            for path in dict.fromkeys(paths)
            if path not in self._secrets
            and not self._rules.is_ignored(path)
            and os.path.isfile(_os_path(self._workspace, path))  # noqa: PTH113  # maybe thousands
        )

    def describe_secrets(self) -> Iterator[str]:
        """Yield a problem for each secret that was opened."""
        observed = self._observed
        for path in self._secrets:
            if path in observed.reads or path in observed.external or path in observed.writes:
                yield f"{path} looks like a secret: the command opened it, and it is not recorded"

    def _is_declared(self, path: RepoPath) -> bool:
        return any(is_below(path, name) for names in self._declared.values() for name in names)


def _find_unseen(
    workspace: Workspace, start: RunStart, observed: Observations
) -> tuple[RepoPath, ...]:
    """Return files that something unwatched wrote while the command ran."""
    if not start.observed:
        return ()
    accounted = {each.path for each in start.inputs if not each.partial}
    accounted |= {each.path for each in start.outputs}
    accounted |= {RepoPath(source.name) for source in start.params}
    return tuple(
        path
        for path in find_touched(workspace, start)
        if path not in observed.writes
        and accounted.isdisjoint((RepoPath("."), *parents_of(path), path))
    )


def _claim(
    unseen: tuple[RepoPath, ...], company: Company
) -> tuple[tuple[RepoPath, ...], tuple[str, ...]]:
    """Return files that the run must have written, and a word on those that nobody claims."""
    if not company.others:
        return unseen, ()
    nobodys = [path for path in unseen if not company.writers_of(path)]
    if not nobodys:
        return (), ()
    message = (
        f"it is not known which of the runs that went on together wrote {enumerate_some(nobodys)}:"
        " declare outputs with --output"
    )
    return (), (message,)


def _changed_code(
    start: RunStart, observed: Observations, tracked: Collection[RepoPath]
) -> Iterator[str]:
    since_ns = began_ns(start)
    for path, opened in observed.reads.items():
        edited = opened == UNKNOWN_SIGNATURE or opened.ctime_ns >= since_ns
        if edited and path in tracked and path not in observed.writes:
            yield f"{path} was edited after the run began: the snapshot holds it as it was before"


def _unwatched(start: RunStart, observed: Observations) -> Iterator[str]:
    for command in observed.unwatched[:_MOST_NAMED]:
        yield f"`{command}` could not be watched: what it read is not known"
    if observed.n_damaged_lines > 1:  # one is what a process that is killed leaves
        yield f"{observed.n_damaged_lines} notes of opened files were lost: inputs may be missing"
    if not start.observed or observed.processes or observed.unwatched:
        return
    if start.surroundings is not None and start.surroundings.interpreter is not None:
        yield "this Python could not be watched (python -I, -E or -S?): its inputs are not known"


def has_changed(workspace: Workspace, known: KnownFile) -> bool:
    """Tell whether anything was done to a file since before the command started."""
    now = read_signature(real_path(workspace.root, known.path), now_ns=time.time_ns())
    return now.value != known.signature.value


def _written(workspace: Workspace, observed: Observations) -> Iterator[RepoPath]:
    """Yield the files that were written, and those in directories that were moved in as a whole."""
    for path, write in observed.writes.items():
        if write.directory and os_path(workspace.root, path).is_dir():
            yield from _list_files(_os_path(workspace, path), path)
        else:
            yield path


def _list_files(top: bytes, path: RepoPath) -> Iterator[RepoPath]:
    for directory, names, files in os.walk(top):
        names[:] = [name for name in names if os.fsdecode(name) not in SKIPPED_NAMES]
        below = directory[len(top) :]
        for name in files:
            yield RepoPath(path + escape_name(below + b"/" + name))


def _untracked_code(start: RunStart) -> frozenset[RepoPath]:
    scripts = (path for path in start.code.untracked if path.endswith(CODE_SUFFIXES))
    return frozenset((*scripts, *(RepoPath(source.name) for source in start.params)))


def _written_metrics(workspace: Workspace, start: RunStart) -> Iterator[RepoPath]:
    for known in start.metrics_files:
        if is_inside(known.path) and has_changed(workspace, known):
            yield known.path


def _names_of(workspace: Workspace, declared: RepoPath) -> tuple[RepoPath, ...]:
    """Return what a declared input is called where it was declared, and where it really lies."""
    if is_inside(declared) or is_url(declared):
        return (declared,)
    real = repo_path(workspace.root, real_path(workspace.root, declared))
    return (declared, real)


def _is_link(workspace: Workspace, path: RepoPath) -> bool:
    return os.path.islink(_os_path(workspace, path))  # noqa: PTH114  # maybe thousands


def _os_path(workspace: Workspace, path: RepoPath) -> bytes:
    return os.fsencode(workspace.root) + b"/" + unescape_name(path)
