"""Runs that went on in the same worktree at the same time, and what they wrote.

A run that is still going on has its live directory. Of one that has ended only its record
is left, which does not say in which worktree it was made; so that is noted in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from mlv.app.live_run import END_FILE, RunStart, find_start, list_live
from mlv.app.record.touched import began_ns
from mlv.app.runs import is_going_on
from mlv.app.workspace import Workspace
from mlv.capture.observing.observe import read_observations
from mlv.core.ids import RunId
from mlv.core.paths import RepoPath, is_below
from mlv.core.run import Output, Run
from mlv.core.state import reduce_operations
from mlv.errors import CorruptDataError, MissingObjectError
from mlv.store.trees import list_files

_ENDED = "ended.jsonl"
_MOST_BYTES = 64 << 10
_BEGINNING_NS = 60 * 10**9
"""A run takes no longer to begin; one that was sealed much later was lost."""


class OtherRun(msgspec.Struct, frozen=True, kw_only=True):
    """Another run in the same worktree.

    Attributes:
        name: What it is called.
        writes: Files that it is known to have written.
        claims: Outputs that it declared, which it may write.
        digests: What its record says of files that it wrote, if it has one.
    """

    name: str
    writes: frozenset[RepoPath]
    claims: tuple[RepoPath, ...] = ()
    digests: Mapping[RepoPath, str] = {}


class Company(msgspec.Struct, frozen=True, kw_only=True):
    """The runs that went on beside one."""

    others: tuple[OtherRun, ...] = ()

    def writers_of(self, path: RepoPath) -> tuple[str, ...]:
        """Return the names of the runs that wrote a file, or declared that they would."""
        return tuple(
            other.name
            for other in self.others
            if path in other.writes or any(is_below(path, each) for each in other.claims)
        )


class _Ended(msgspec.Struct, frozen=True, kw_only=True):
    """Where and when a run ended."""

    run: RunId
    root: str
    ended_ns: int


def find_company(workspace: Workspace, start: RunStart) -> Company:
    """Return the runs that went on in the same worktree at the same time.

    Raises:
        CorruptDataError: The operation log is damaged.
    """
    return Company(others=(*_find_live(workspace, start), *_find_ended(workspace, start)))


def note_end(workspace: Workspace, start: RunStart, duration_s: float) -> None:
    """Note in which worktree a run was made, for those that went on beside it."""
    # The duration is that of the command, which starts later than its run.
    ended_ns = began_ns(start) + int(duration_s * 1e9)
    with suppress(OSError):
        end = workspace.layout.live / start.id / END_FILE
        ended_ns = min(max(ended_ns, end.stat().st_mtime_ns), ended_ns + _BEGINNING_NS)
    line = msgspec.json.encode(_Ended(run=start.id, root=start.root, ended_ns=ended_ns)) + b"\n"
    path = _path(workspace)
    with suppress(OSError):  # it only serves a warning
        if path.exists() and path.stat().st_size > _MOST_BYTES:
            path.unlink()
        with path.open("ab") as file:
            file.write(line)


def _find_live(workspace: Workspace, start: RunStart) -> Iterator[OtherRun]:
    for live in list_live(workspace.layout.live):
        other = find_start(live)
        if other is None or other.id == start.id or other.root != start.root:
            continue
        if is_going_on(live, other) is not False:
            writes = frozenset(read_observations(live).writes)
            claims = tuple(each.path for each in other.outputs)
            yield OtherRun(name=other.name, writes=writes, claims=claims)


def _find_ended(workspace: Workspace, start: RunStart) -> Iterator[OtherRun]:
    since_ns = began_ns(start)
    beside = [
        each
        for each in _read_ended(_path(workspace))
        if each.root == start.root and each.ended_ns > since_ns and each.run != start.id
    ]
    if not beside:
        return
    records = reduce_operations(workspace.operations.read()).runs
    for each in beside:
        with suppress(CorruptDataError, MissingObjectError, KeyError):
            run = workspace.objects.read_record(records[each.run], Run)
            digests = dict(each for output in run.outputs for each in _list(workspace, output))
            yield OtherRun(name=run.name, writes=frozenset(digests), digests=digests)


def _list(workspace: Workspace, output: Output) -> Iterator[tuple[RepoPath, str]]:
    with suppress(CorruptDataError, MissingObjectError):
        listed = list_files(workspace.objects, output.fingerprint, output.path)
        yield from ((path, entry.digest) for path, entry in listed.items())


def _read_ended(path: Path) -> Iterator[_Ended]:
    lines: list[bytes] = []
    with suppress(OSError):
        lines = path.read_bytes().splitlines()
    for line in lines:
        with suppress(msgspec.MsgspecError, UnicodeDecodeError):
            yield msgspec.json.decode(line, type=_Ended)


def _path(workspace: Workspace) -> Path:
    return workspace.layout.cache / _ENDED
