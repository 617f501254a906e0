"""What the command was seen to read and write, less what does not count."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator, Mapping

import msgspec

from mlv.app.live_run import KnownFile, LiveRun, RunStart
from mlv.app.record.company import Company, find_company
from mlv.app.record.counting import Counting
from mlv.app.record.left_out import describe_held
from mlv.app.record.made import find_made
from mlv.app.record.touched import CODE_SUFFIXES, began_ns, find_touched
from mlv.app.workspace import Workspace
from mlv.capture.observing.observe import (
    UNKNOWN_SIGNATURE,
    FileSignature,
    Observations,
    ObservedProcess,
    read_observations,
)
from mlv.capture.redact import Redactor
from mlv.core.enumeration import enumerate_some
from mlv.core.paths import RepoPath, escape_name, parents_of, unescape_name
from mlv.worktree.fingerprint import SKIPPED_NAMES
from mlv.worktree.paths import is_inside, os_path, real_path
from mlv.worktree.signature import read_signature

_MOST_NAMED = 5


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Files that count as inputs and outputs.

    Attributes:
        reads: Files that were read before anything was written to them, with
            their metadata when they were first opened. Params files and code are
            recorded as such, and are not listed.
        external: Files outside the repository that were read, likewise.
        held: Those of both that hold a secret and are not to be stored, and its kind.
        declared_reads: Declared inputs of which at least one file was read.
        writes: Files that were written and are still there, metrics files and what
            native code wrote included.
        watched_writes: Those of them that a watched process wrote.
        listed: Directories of which the command asked for the names, declared inputs left out.
        helpers, native_readers: What read files out of sight; see `Run`.
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
    held: Mapping[RepoPath, str]
    declared_reads: frozenset[RepoPath]
    writes: tuple[RepoPath, ...]
    watched_writes: frozenset[RepoPath]
    listed: frozenset[RepoPath]
    helpers: tuple[str, ...]
    native_readers: tuple[str, ...]
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
    touched = _find_unseen(workspace, start, observed)
    # Not before that: others write, begin and end all the time.
    company = find_company(workspace, start)
    unseen, problems = _claim(touched, company)
    tracked = workspace.git.tracked(observed.reads) if observed.reads else {}
    # The snapshot holds links, not what lies behind them.
    others = [path for path in observed.reads if path not in tracked]
    in_submodules = workspace.git.tracked_in_submodules(others)
    known = tracked.keys() | in_submodules | _untracked_code(start)
    code = [path for path in observed.reads if path in known and not _is_link(workspace, path)]
    reads = observed.reads
    made = find_made(workspace, live, {path: reads[path] for path in touched if path in reads})
    made = made.difference(each.path for each in start.inputs if not each.written)
    written = (*_written(workspace, observed), *_written_metrics(workspace, start), *unseen)
    counting = Counting(workspace, start, observed, touched)
    inputs = counting.reads(made.union(code))
    external = counting.external()
    held = counting.find_held((*inputs, *external))
    return Seen(
        reads=inputs,
        external=external,
        held=held,
        declared_reads=counting.declared_reads(),
        writes=counting.writes(written),
        watched_writes=frozenset(observed.writes),
        listed=counting.listed(),
        helpers=observed.helpers,
        native_readers=observed.native_readers,
        code=tuple(code),
        imported=observed.imported,
        processes=observed.processes,
        libraries=observed.libraries,
        determinism=_redact(start, observed.determinism),
        company=company,
        problems=(
            *problems,
            *counting.describe_secrets(),
            *describe_held(held, "only its digest is recorded"),
            *_changed_code(start, observed, tracked),
            *_unwatched(start, observed),
        ),
    )


def _find_unseen(
    workspace: Workspace, start: RunStart, observed: Observations
) -> tuple[RepoPath, ...]:
    """Return files that something unwatched wrote while the command ran."""
    if not start.observed:
        return ()
    accounted = {each.path for each in start.inputs if not each.partial and not each.written}
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


def _redact(
    start: RunStart, reported: Mapping[str, bool | int | str]
) -> dict[str, bool | int | str]:
    redactor = Redactor(start.allowed_secrets)
    return {
        name: redactor.redact_text(value, name=name) if isinstance(value, str) else value
        for name, value in reported.items()
    }


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


def _is_link(workspace: Workspace, path: RepoPath) -> bool:
    return os.path.islink(_os_path(workspace, path))  # noqa: PTH114  # maybe thousands


def _os_path(workspace: Workspace, path: RepoPath) -> bytes:
    return os.fsencode(workspace.root) + b"/" + unescape_name(path)
