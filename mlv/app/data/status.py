"""Say where data, pointers and params differ: from each other, from HEAD, from the last run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from mlv.app.data.params_status import ParamStatus, find_changed_params, params_files_here
from mlv.app.data.pointers import Pointers, load_pointers
from mlv.app.data.scan import scan_data
from mlv.app.data.select import Selected, select_data
from mlv.app.data.subtree import find_part
from mlv.app.data.unfinished import find_cut_short
from mlv.app.workspace import Workspace
from mlv.core.paths import RepoPath
from mlv.core.pointer import is_pointer_path
from mlv.core.tree import Fingerprint, TreeChange
from mlv.core.tree_diff import find_renames
from mlv.errors import MissingObjectError
from mlv.git.pointers import ChangedSinceHead, ChangeKind, list_changed_since_head
from mlv.store.objects import content_of
from mlv.worktree.fingerprint import HashCached, find_fingerprint
from mlv.worktree.paths import os_path

DataState = Literal["clean", "modified", "missing"]

FileState = Literal["new", "modified", "deleted", "renamed", "type-changed", "mode-changed"]


class ChangedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of tracked data that is not as the pointer says.

    Attributes:
        path: Where it is, or was.
        state: How it differs; `type-changed` is a file where a link was, or the like, and
            `mode-changed` a file that was made executable, or not.
        old_path: Where a renamed file was.
    """

    path: RepoPath
    state: FileState
    old_path: RepoPath | None = None


class DataStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Tracked data, or a part of it, beside its pointer.

    Attributes:
        path: The data.
        state: `clean` when it holds what the pointer says, `missing` when it is not there.
        stored: Whether the store here has what the pointer says.
        files: The files that differ, sorted by path; empty when the store cannot tell.
    """

    path: RepoPath
    state: DataState
    stored: bool
    files: tuple[ChangedFile, ...] = ()


class PointerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A pointer that differs from HEAD, or could not be read."""

    path: RepoPath
    state: ChangeKind


class CutShortStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A change of data that was cut short, or is just being made.

    Attributes:
        kind: What was asked for; doing an undone checkout again is an undo as well.
        data: What it changes.
        revision: The Git revision whose pointers a checkout was to use.
    """

    kind: Literal["checkout", "undo"]
    data: tuple[RepoPath, ...]
    revision: str | None = None


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that `mlv status` has to say.

    Attributes:
        data: Tracked data, sorted by path, clean ones as well.
        pointers: Pointers that differ from HEAD.
        broken: What is wrong with pointers that cannot be read, by the path of the data.
        params_since_head: Params that differ from HEAD.
        params_since_run: Params that differ from the last run.
        last_run: Name of that run, None when there is none.
        live_runs: Names of runs that go on, or were cut short.
        cut_short: Changes of data that are not made to the end.
    """

    data: tuple[DataStatus, ...]
    pointers: tuple[PointerStatus, ...] = ()
    broken: dict[RepoPath, str] = {}
    params_since_head: tuple[ParamStatus, ...] = ()
    params_since_run: tuple[ParamStatus, ...] = ()
    last_run: str | None = None
    live_runs: tuple[str, ...] = ()
    cut_short: tuple[CutShortStatus, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether anything differs from anything."""
        unclean = any(each.state != "clean" or not each.stored for each in self.data)
        params = self.params_since_head or self.params_since_run
        return bool(unclean or self.pointers or self.broken or params)


def read_status(workspace: Workspace, paths: Sequence[Path]) -> Status:
    """Return the status of data, pointers and params.

    Args:
        workspace: Where.
        paths: Only this data, and no params; empty for everything.

    Raises:
        MissingFileError: A path is not tracked.
        CorruptDataError: A tree, or the operation log, is damaged.
        UnreadableFileError, FileChangedError: The worktree cannot be read.
    """
    pointers = load_pointers(workspace)
    params_files = () if paths else params_files_here()
    changed = list_changed_since_head(workspace.git.command, params_files)
    selected = _select(workspace, paths, pointers)
    with workspace.objects.looking() as objects:
        sink = HashCached(objects)
        data = tuple(
            _look_at(workspace, each, pointers.data[each.owner], sink) for each in selected
        )
    status = Status(
        data=data,
        pointers=_pointer_statuses(changed, selected, everything=not paths),
        broken={} if paths else {path: error.message for path, error in pointers.broken.items()},
        cut_short=tuple(
            CutShortStatus(kind=each.kind, data=each.data, revision=each.change.revision)
            for each in find_cut_short(workspace)
        ),
    )
    if paths:
        return status
    params = find_changed_params(workspace, params_files, changed)
    return msgspec.structs.replace(
        status,
        params_since_head=params.since_head,
        params_since_run=params.since_run,
        last_run=params.last_run,
        live_runs=_live_runs(workspace),
    )


def _select(
    workspace: Workspace, paths: Sequence[Path], pointers: Pointers
) -> tuple[Selected, ...]:
    if paths:
        return select_data(workspace, paths, pointers)
    return tuple(Selected(path=path, owner=path) for path in sorted(pointers.data))


def _look_at(
    workspace: Workspace, selected: Selected, whole: Fingerprint, sink: HashCached
) -> DataStatus:
    path = selected.path
    try:
        target = find_part(workspace.objects, whole, selected.owner, path)
        stored = target is None or workspace.objects.contains(content_of(target))
        if stored:
            scan = scan_data(workspace, path, target, sink)
            state: DataState = "clean" if scan.same else "modified"
            if scan.present is None and target is not None:
                return DataStatus(path=path, state="missing", stored=stored)
            return DataStatus(
                path=path, state=state, stored=stored, files=_list_files(scan.changes)
            )
    except MissingObjectError:
        target = whole if selected.whole else None
    present = find_fingerprint(os_path(workspace.root, path), sink)
    if present is None:
        return DataStatus(path=path, state="missing", stored=False)
    same = target is not None and present.digest == target.digest and present.kind == target.kind
    return DataStatus(path=path, state="clean" if same else "modified", stored=False)


def _list_files(changes: Sequence[TreeChange]) -> tuple[ChangedFile, ...]:
    renames = {each.after: each.before for each in find_renames(changes)}
    moved = {*renames, *renames.values()}
    files = [ChangedFile(path=new, state="renamed", old_path=old) for new, old in renames.items()]
    files += [
        ChangedFile(path=change.path, state=_file_state(change))
        for change in changes
        if change.path not in moved
    ]
    return tuple(sorted(files, key=lambda each: each.path))


def _file_state(change: TreeChange) -> FileState:
    before, after = change.before, change.after
    if before is None:
        return "new"
    if after is None:
        return "deleted"
    if before.kind == after.kind:
        return "modified"
    if {before.kind, after.kind} != {"file", "exec"}:
        return "type-changed"
    return "mode-changed" if before.digest == after.digest else "modified"


def _pointer_statuses(
    changed: Sequence[ChangedSinceHead], selected: Sequence[Selected], *, everything: bool
) -> tuple[PointerStatus, ...]:
    owners = {f"{each.owner}.mlv" for each in selected}
    return tuple(
        PointerStatus(path=each.path, state=each.kind)
        for each in changed
        if is_pointer_path(each.path) and (everything or each.path in owners)
    )


def _live_runs(workspace: Workspace) -> tuple[str, ...]:
    if not any(workspace.layout.live.iterdir()):
        return ()
    from mlv.app.runs import load_unsealed

    return tuple(each.start.name for each in load_unsealed(workspace))
