"""Plan a check-out of data: what comes, what goes, what would be lost."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec

from mlv.app.data.scan import Scan, same_content, scan_data
from mlv.app.data.subtree import Directories
from mlv.app.workspace import Workspace
from mlv.core.digest import digest_of
from mlv.core.enumeration import enumerate_some
from mlv.core.paths import RepoPath, is_below, parents_of
from mlv.core.tree import Fingerprint, TreeChange, TreeEntry
from mlv.errors import MissingObjectError, WorktreeError
from mlv.store.objects import content_of
from mlv.store.reach import holds_all
from mlv.worktree.fingerprint import HashOnly, Sink, find_fingerprint
from mlv.worktree.paths import os_path

_MANY = 1000
"""For more files than this it is worth to learn where every object is."""

Action = Literal["create", "replace", "remove"]


class PlannedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a check-out will write or remove.

    Attributes:
        path: The file.
        action: What happens to it.
        unsaved: Whether what is there now is not in the store.
    """

    path: RepoPath
    action: Action
    unsaved: bool = False


class PlannedData(msgspec.Struct, frozen=True, kw_only=True):
    """Data that a check-out will change.

    Attributes:
        path: The data, or a part of it.
        target: What it shall hold, None for nothing.
        present: What it holds, None when it is not there.
        files: The files that will change, sorted by path; only the data itself where there
            is nothing of it yet.
        kept: Files that the target does not have and that are not in the store: they stay.
    """

    path: RepoPath
    target: Fingerprint | None
    present: Fingerprint | None
    files: tuple[PlannedFile, ...]
    kept: tuple[RepoPath, ...] = ()

    @property
    def n_files(self) -> int:
        """How many files will be written or removed."""
        is_new = self.present is None and self.target is not None
        return self.target.n_files if is_new and self.target else len(self.files)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a plan, with what it takes to execute it.

    Attributes:
        planned: What a person is told.
        changes: From what is there to what shall be there.
        stays: Directories that the target has, even if all files in them go.
        kept: What is at the paths that are kept, by path.
    """

    planned: PlannedData
    changes: tuple[TreeChange, ...]
    stays: tuple[RepoPath, ...] = ()
    kept: Mapping[RepoPath, TreeEntry] = {}


def plan_data(
    workspace: Workspace, targets: Mapping[RepoPath, Fingerprint | None], sink: Sink
) -> tuple[Step, ...]:
    """Return what must change for data to hold what `targets` say; only looks.

    Args:
        workspace: Where.
        targets: What each path shall hold; no path lies below another.
        sink: Where content goes that is read on the way.

    Raises:
        MissingObjectError: Content of a target is not in the store; all of it is named.
        CorruptDataError: A tree is damaged.
        UnreadableFileError, FileChangedError: The worktree cannot be read.
        WorktreeError: A path lies behind a symbolic link.
    """
    _require_way(workspace, targets)
    absent: list[str] = []
    scans: list[Scan] = []
    created: list[Step] = []
    for path, target in targets.items():
        if target is not None and _is_new_and_whole(workspace, path, target):
            created.append(_create(path, target))
            continue
        if target is not None and not workspace.objects.contains(content_of(target)):
            absent.append(path)
            continue
        try:
            scan = scan_data(workspace, path, target, sink)
        except MissingObjectError:
            absent.append(path)
            continue
        scans.append(scan)
        if len(scan.changes) > _MANY:
            workspace.objects.load_locations()
        absent += _find_absent(workspace, scan)
    if absent:
        what = "1 path is" if len(absent) == 1 else f"{len(absent)} paths are"
        message = f"the content of {what} not in the store: {enumerate_some(absent)}"
        raise MissingObjectError(message, hint="look for another copy of this `.mlv` store")
    changed = (_plan(workspace, scan) for scan in scans if not scan.same)
    order = {path: place for place, path in enumerate(targets)}
    return tuple(sorted((*created, *changed), key=lambda step: order[step.planned.path]))


def plan_pointers(workspace: Workspace, contents: Mapping[RepoPath, bytes]) -> tuple[Step, ...]:
    """Return what must change for pointers to hold `contents`.

    A pointer says nothing that the operation log would not keep, so it is never unsaved.

    Raises:
        UnreadableFileError: A pointer in the worktree cannot be read.
    """
    steps = []
    for path, content in contents.items():
        target = Fingerprint(kind="file", digest=digest_of(content), size_bytes=len(content))
        present = find_fingerprint(os_path(workspace.root, path), HashOnly())
        if same_content(present, target):
            continue
        before = entry_of(path, present) if present else None
        change = TreeChange(path=path, before=before, after=entry_of(path, target))
        file = PlannedFile(path=path, action=_action(change))
        planned = PlannedData(path=path, target=target, present=present, files=(file,))
        steps.append(Step(planned=planned, changes=(change,)))
    return tuple(steps)


def find_unsaved(steps: Iterable[Step]) -> list[RepoPath]:
    """Return the files whose present content would be lost."""
    return [file.path for step in steps for file in step.planned.files if file.unsaved]


def entry_of(path: RepoPath, found: Fingerprint) -> TreeEntry:
    """Return a fingerprint as the entry of a directory."""
    return TreeEntry(
        name=path.rpartition("/")[2],
        kind=found.kind,
        digest=found.digest,
        size_bytes=found.size_bytes,
    )


def _is_new_and_whole(workspace: Workspace, path: RepoPath, target: Fingerprint) -> bool:
    """Tell whether data is a directory of which nothing is there, and all is in the store."""
    if target.kind != "dir" or os.path.lexists(os_path(workspace.root, path)):
        return False
    return holds_all(workspace.objects, content_of(target))


def _create(path: RepoPath, target: Fingerprint) -> Step:
    """Return the step for a whole directory, for which one change stands."""
    planned = PlannedData(
        path=path, target=target, present=None, files=(PlannedFile(path=path, action="create"),)
    )
    change = TreeChange(path=path, before=None, after=entry_of(path, target))
    return Step(planned=planned, changes=(change,))


def _require_way(workspace: Workspace, paths: Iterable[RepoPath]) -> None:
    for parent in sorted({parent for path in paths for parent in parents_of(path)}):
        place = os_path(workspace.root, parent)
        if place.is_symlink() or place.is_file():
            message = f"a file or a symbolic link is in the way at {parent!r}"
            raise WorktreeError(message, hint=f"move {parent} elsewhere, then try again")


def _find_absent(workspace: Workspace, scan: Scan) -> Iterator[RepoPath]:
    for change in scan.changes:
        wanted = change.before
        if wanted is not None and not workspace.objects.contains(content_of(wanted)):
            yield change.path


def _plan(workspace: Workspace, scan: Scan) -> Step:
    saved = {change.path: _is_saved(workspace, change.after) for change in scan.changes}
    wanted = {change.path for change in scan.changes if change.before is not None}
    kept = {
        change.path: change.after
        for change in scan.changes
        if change.before is None
        and change.after is not None
        and not saved[change.path]
        and not _blocks(change.path, wanted)
    }
    changes = [
        TreeChange(path=change.path, before=change.after, after=change.before)
        for change in scan.changes
        if change.path not in kept
    ]
    files = tuple(
        PlannedFile(path=each.path, action=_action(each), unsaved=not saved[each.path])
        for each in changes
    )
    return Step(
        planned=PlannedData(
            path=scan.path,
            target=scan.target,
            present=scan.present,
            files=files,
            kept=tuple(kept),
        ),
        changes=tuple(changes),
        stays=_find_staying(workspace, scan, changes),
        kept=kept,
    )


def _find_staying(
    workspace: Workspace, scan: Scan, changes: Iterable[TreeChange]
) -> tuple[RepoPath, ...]:
    removed = [change.path for change in changes if change.after is None]
    above = {parent for path in removed for parent in parents_of(path)}
    target = Directories(workspace.objects, scan.target)
    return tuple(
        parent
        for parent in sorted(above)
        if is_below(parent, scan.path)
        and target.has(parent.removeprefix(scan.path).removeprefix("/"))
    )


def _is_saved(workspace: Workspace, entry: TreeEntry | None) -> bool:
    return entry is None or entry.kind == "dir" or workspace.objects.contains(content_of(entry))


def _blocks(path: RepoPath, wanted: set[RepoPath]) -> bool:
    """Tell whether a new file lies where the target has a directory, or below one of its files."""
    above = any(parent in wanted for parent in parents_of(path))
    return above or any(is_below(other, path) for other in wanted)


def _action(change: TreeChange) -> Action:
    if change.after is None:
        return "remove"
    return "create" if change.before is None else "replace"
