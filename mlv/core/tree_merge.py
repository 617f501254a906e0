"""Three-way merge of directories, file by file.

What only one side changed is taken from that side, whole directories without
being read. What both changed in different ways is a conflict: the merged
directory then holds our version, or theirs where ours is gone.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from mlv.core.paths import RepoPath
from mlv.core.run import Content
from mlv.core.tree import EntryKind, TreeChange, TreeEntry
from mlv.core.tree_buckets import ReadObject
from mlv.core.tree_diff import EMPTY_TREE, diff_entries
from mlv.core.tree_limits import Descents
from mlv.core.tree_names import path_below
from mlv.core.tree_update import update_directory

ConflictReason = Literal[
    "both-added", "both-changed", "deleted-here", "deleted-there", "kind-differs"
]
"""Why a path cannot be merged: `deleted-here` was changed there, and the other way round;
`kind-differs` is a file, a directory or a link here, and another of these there."""


_SORTS: Mapping[EntryKind, str] = {"file": "file", "exec": "file", "link": "link", "dir": "dir"}


class MergeConflict(msgspec.Struct, frozen=True, kw_only=True):
    """A path that both sides changed in different ways; None where it is absent."""

    path: RepoPath
    reason: ConflictReason
    base: TreeEntry | None
    ours: TreeEntry | None
    theirs: TreeEntry | None


class DirectoryMerge(msgspec.Struct, frozen=True, kw_only=True):
    """What came out of a merge.

    Attributes:
        tree: The merged directory.
        objects: Tree objects that may be new, each before the one that names it; to
            be stored before `tree` is used.
        conflicts: Sorted by path; the merge is complete when there are none.
    """

    tree: Content
    objects: tuple[bytes, ...] = ()
    conflicts: tuple[MergeConflict, ...] = ()


def merge_directories(
    base: Content | None, ours: Content, theirs: Content, read: ReadObject
) -> DirectoryMerge:
    """Merge two directories that were made from one.

    Args:
        base: Tree of the directory that both were made from; None when there is none.
        ours: Tree of the directory here.
        theirs: Tree of the directory there.
        read: Called for the trees that both sides changed.

    Raises:
        ValueError: A tree is malformed, or lies too deep, or comes too often.
    """
    if theirs in (ours, base):
        return DirectoryMerge(tree=ours)
    if base == ours:
        return DirectoryMerge(tree=theirs)
    merger = _Merger((ours, theirs), read)
    tree = merger.run(_Versions(RepoPath("."), base, ours, theirs))
    conflicts = tuple(sorted(merger.conflicts, key=lambda conflict: conflict.path))
    return DirectoryMerge(tree=tree, objects=tuple(merger.objects), conflicts=conflicts)


class _Versions(msgspec.Struct, frozen=True):
    """The trees of one directory; None where there is none."""

    path: RepoPath
    base: Content | None
    ours: Content | None
    theirs: Content | None


class _Merger:
    """Merges directories depth first, without using Python's stack for the depth."""

    def __init__(self, tops: Sequence[Content], read: ReadObject) -> None:
        self._read = read
        self._descents = Descents(tops, read)
        self.objects: list[bytes] = []
        self.conflicts: list[MergeConflict] = []

    def run(self, top: _Versions) -> Content:
        stack = [self._merge(top)]
        inner: Content | None = None
        while True:
            try:
                versions = stack[-1].send(inner)
            except StopIteration as done:
                merged: Content = done.value
                stack.pop()
                if not stack:
                    return merged
                inner = merged
            else:
                stack.append(self._merge(versions))
                inner = None

    def _merge(self, directory: _Versions) -> Generator[_Versions, Any, Content]:
        """Merge one directory; yields the directories in it, and is sent their merged trees."""
        ours = self._changes(directory.base, directory.ours)
        has_gone_down = False
        updates: dict[str, TreeEntry | None] = {}
        for name, there in self._changes(directory.base, directory.theirs).items():
            here = ours.get(name)
            if here is None:
                updates[name] = there.after
            elif here.after == there.after:
                continue
            elif _is_tree_or_nothing(here.after) and _is_tree_or_nothing(there.after):
                path = path_below(directory.path, name)
                trees = [_tree(each) for each in (there.before, here.after, there.after)]
                if not has_gone_down:
                    has_gone_down = True
                    self._go_down(directory)
                merged: Content = yield _Versions(path, *trees)
                keep = (here.after and there.after) or merged.digest != EMPTY_TREE
                updates[name] = _directory(name, merged) if keep else None
            else:
                path = path_below(directory.path, name)
                updates[name] = self._merge_leaf(path, there.before, here.after, there.after)
        return self._add(directory, updates)

    def _go_down(self, directory: _Versions) -> None:
        for tree in (directory.ours, directory.theirs):
            if tree is not None:
                self._descents.go_down(tree)

    def _merge_leaf(
        self,
        path: RepoPath,
        base: TreeEntry | None,
        ours: TreeEntry | None,
        theirs: TreeEntry | None,
    ) -> TreeEntry | None:
        before = None if _tree(base) else base
        if before is None and (ours is None or theirs is None):
            return ours or theirs
        merged = _merge_mode(before, ours, theirs)
        if merged is not None:
            return merged
        reason = _why(before, ours, theirs)
        self.conflicts.append(
            MergeConflict(path=path, reason=reason, base=base, ours=ours, theirs=theirs)
        )
        return theirs if ours is None else ours

    def _changes(self, base: Content | None, side: Content | None) -> dict[RepoPath, TreeChange]:
        return {change.path: change for change in diff_entries(base, side, self._read)}

    def _add(self, directory: _Versions, updates: Mapping[str, TreeEntry | None]) -> Content:
        encoded = update_directory(directory.ours, updates, self._read)
        tree = encoded.content
        if tree not in (directory.base, directory.ours, directory.theirs):
            self.objects += [*encoded.buckets, encoded.data]
        return tree


def _merge_mode(
    base: TreeEntry | None, ours: TreeEntry | None, theirs: TreeEntry | None
) -> TreeEntry | None:
    """Merge a change of the content with one of the permission to execute."""
    if base is None or ours is None or theirs is None:
        return None
    if any(entry.kind not in {"file", "exec"} for entry in (base, ours, theirs)):
        return None
    if base.digest != ours.digest and theirs.digest not in {base.digest, ours.digest}:
        return None
    content = theirs if base.digest == ours.digest else ours
    mode = theirs if base.kind == ours.kind else ours
    return msgspec.structs.replace(content, kind=mode.kind)


def _why(
    base: TreeEntry | None, ours: TreeEntry | None, theirs: TreeEntry | None
) -> ConflictReason:
    if ours is None:
        return "deleted-here"
    if theirs is None:
        return "deleted-there"
    if _SORTS[ours.kind] != _SORTS[theirs.kind]:
        return "kind-differs"
    return "both-added" if base is None else "both-changed"


def _is_tree_or_nothing(entry: TreeEntry | None) -> bool:
    return entry is None or entry.kind == "dir"


def _tree(entry: TreeEntry | None) -> Content | None:
    if entry is None or entry.kind != "dir":
        return None
    return Content(digest=entry.digest, size_bytes=entry.size_bytes)


def _directory(name: str, tree: Content) -> TreeEntry:
    return TreeEntry(name=name, kind="dir", digest=tree.digest, size_bytes=tree.size_bytes)
