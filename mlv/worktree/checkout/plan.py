"""Sort changes by what has to be done for them, before anything is done."""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Literal

import msgspec

from mlv.core.paths import escape_name
from mlv.core.run import Content
from mlv.core.tree import TreeChange, TreeEntry
from mlv.errors import WorktreeError
from mlv.store.objects import content_of
from mlv.worktree.checkout.request import CheckOutRequest
from mlv.worktree.checkout.task import EditFile, Names, check_depth, path_of
from mlv.worktree.handles import (
    find_stat,
    in_the_way,
    open_directory,
    opened_directory,
    split_path,
)

_OnDisk = Literal["directory", "nothing", "something"]


class NewDirectory(msgspec.Struct, kw_only=True):
    """A directory to be made, with all that is in it.

    Attributes:
        place: Where it goes.
        name: Its raw name.
        before: What is there now, and has to go.
        tree: What goes into it, as the store has it; None for `entries`.
        entries: What goes into it, and into each directory below it, by the way from it.
    """

    place: Names
    name: bytes
    before: TreeEntry | None = None
    tree: Content | None = None
    entries: dict[Names, list[TreeEntry]] = {}


class Plan(msgspec.Struct, kw_only=True):
    """All that has to be done.

    Attributes:
        edits: Changes of files, by directory.
        late_edits: Those that put a link somewhere, or a file where a directory is.
        new: Directories that are made.
        stays: Directories that are left when nothing is in them any more.
        goes: Directories that are removed if nothing is in them.
    """

    edits: dict[Names, list[EditFile]] = {}
    late_edits: dict[Names, list[EditFile]] = {}
    new: dict[Names, NewDirectory] = {}
    stays: set[Names] = set()
    goes: set[Names] = set()


def plan_check_out(request: CheckOutRequest) -> Plan:
    """Return what has to be done for a request; nothing is changed.

    Raises:
        WorktreeError: A path leads out of the worktree or into Git or the store, is too deep,
            comes twice, or has a file or a symbolic link above it that is not to go.
        OSError: The worktree cannot be read.
    """
    planner = _Planner(request)
    for names, change in planner.changes.items():
        planner.add(names, change)
    return planner.result


class _Planner:
    """Looks at what is on the disk, once a directory."""

    def __init__(self, request: CheckOutRequest) -> None:
        self._root: Path = request.root
        self._states = request.states
        self.changes: dict[Names, TreeChange] = {}
        for change in request.changes:
            names = tuple(split_path(change.path))
            check_depth(names)
            if names in self.changes:
                message = f"{change.path!r} comes twice among the changes"
                raise WorktreeError(message)
            self.changes[names] = change
        stays: set[Names] = {()}
        for path in request.stays:
            stays.add(() if path == "." else tuple(split_path(path)))
        self.result = Plan(stays=stays)
        self._on_disk: dict[Names, _OnDisk] = {(): "directory"}

    def add(self, names: Names, change: TreeChange) -> None:
        """Take one change into the plan."""
        place, after = names[:-1], change.after
        if (top := self._find_new_top(place)) is not None:
            if after is not None:
                self._add_to_new(top, names, after)
            return
        if after is not None and after.kind == "dir":
            self._add_directory(names, change, after)
        elif change.before is not None and change.before.kind == "dir":
            self.result.goes.add(names)
            if after is not None:
                self._edit(names, change, late=True)
        elif after is None and self._becomes_directory(names):
            return
        elif change.before is None and self._look(names) == "directory":
            self.result.goes.add(names)
            self._edit(names, change, late=True)
        else:
            self._edit(names, change, late=after is not None and after.kind == "link")

    def _add_directory(self, names: Names, change: TreeChange, after: TreeEntry) -> None:
        self.result.stays.add(names)
        if self._look(names) != "directory":
            self.result.new[names] = NewDirectory(
                place=names[:-1], name=names[-1], before=change.before, tree=content_of(after)
            )

    def _edit(self, names: Names, change: TreeChange, *, late: bool) -> None:
        edits = self.result.late_edits if late else self.result.edits
        edit = EditFile(
            name=names[-1],
            before=change.before,
            after=change.after,
            state=self._states.get(change.path),
        )
        edits.setdefault(names[:-1], []).append(edit)

    def _find_new_top(self, place: Names) -> Names | None:
        """Return the outermost directory on the way that has to be made, None if there is none.

        Raises:
            WorktreeError: Something is in the way that is not to go.
        """
        if self._look(place) == "directory":
            return None
        top = place
        while top and self._look(top[:-1]) != "directory":
            top = top[:-1]
        if self._look(top) == "something" and not self._becomes_directory(top):
            raise in_the_way(path_of(top), "a file or a symbolic link")
        return top

    def _becomes_directory(self, names: Names) -> bool:
        """Tell whether what is there goes, and files below it come."""
        change = self.changes.get(names)
        if change is None or change.before is None or change.before.kind == "dir":
            return False
        if change.after is not None:
            return change.after.kind == "dir"
        return names in self._parents

    def _add_to_new(self, top: Names, names: Names, entry: TreeEntry) -> None:
        new = self.result.new.get(top)
        if new is None:
            change = self.changes.get(top)
            before = None if change is None else change.before
            new = NewDirectory(place=top[:-1], name=top[-1], before=before)
            self.result.new[top] = new
        if new.tree is None:
            entry = msgspec.structs.replace(entry, name=escape_name(names[-1]))
            new.entries.setdefault(names[len(top) : -1], []).append(entry)

    @cached_property
    def _parents(self) -> set[Names]:
        """Directories in which something is put, or in which there are such directories."""
        parents: set[Names] = set()
        for names, change in self.changes.items():
            place = names[:-1] if change.after is not None else ()
            while place and place not in parents:
                parents.add(place)
                place = place[:-1]
        return parents

    def _look(self, names: Names) -> _OnDisk:
        known = self._on_disk.get(names)
        if known is None:
            self._look_down(names)
            known = self._on_disk[names]
        return known

    def _look_down(self, names: Names) -> None:
        """Look at every directory on the way that is not known, the outermost first."""
        depth = len(names) - 1
        while names[:depth] not in self._on_disk:
            depth -= 1
        if self._on_disk[names[:depth]] == "directory":
            with opened_directory(self._root, list(names[:depth])) as directory:
                depth = self._look_below(directory, names, depth)
        for deeper in range(depth + 1, len(names) + 1):
            self._on_disk[names[:deeper]] = "nothing"

    def _look_below(self, directory: int, names: Names, depth: int) -> int:
        """Take note of what lies on the way below a directory; return where the way ends."""
        with ExitStack() as stack:
            for name in names[depth:]:
                depth += 1
                found = find_stat(name, directory)
                self._on_disk[names[:depth]] = _kind_of(found)
                if self._on_disk[names[:depth]] != "directory" or depth == len(names):
                    break
                inner = open_directory(name, directory)
                stack.close()
                stack.callback(os.close, inner)
                directory = inner
        return depth


def _kind_of(found: os.stat_result | None) -> _OnDisk:
    if found is None:
        return "nothing"
    return "directory" if stat.S_ISDIR(found.st_mode) else "something"
