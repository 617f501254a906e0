"""Compare what is in the worktree with what a fingerprint says, path by path."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from mlv.core.digest import Digest
from mlv.core.paths import RepoPath, unescape_name
from mlv.core.tree import EntryKind, Fingerprint, TreeChange, TreeEntry
from mlv.core.tree_limits import Descents
from mlv.core.tree_names import escape_names
from mlv.store.objects import ObjectStore, content_of
from mlv.store.trees import go_down
from mlv.worktree.assembly import Assembly, Progress
from mlv.worktree.columns import raw_entries_of
from mlv.worktree.fingerprint import errors_in_words, find_fingerprint
from mlv.worktree.picks import Picks
from mlv.worktree.scan import scan
from mlv.worktree.scanned import Directory
from mlv.worktree.sinks import Sink

_HERE = RepoPath(".")


class WorktreeDiff(msgspec.Struct, frozen=True, kw_only=True):
    """How a file or a directory differs from an earlier state.

    Attributes:
        now: What is there, None for nothing.
        changes: Files and links that differ, and empty directories that came or went;
            sorted by path. Paths are relative to what was compared, `"."` itself.
    """

    now: Fingerprint | None
    changes: tuple[TreeChange, ...]


def diff_worktree(
    path: Path,
    before: Fingerprint | None,
    objects: ObjectStore,
    sink: Sink,
    *,
    progress: Progress | None = None,
    picks: Picks | None = None,
) -> WorktreeDiff:
    """Compare what is at `path` with what was there, file by file.

    Only directories that differ are read from the store, and what is new is not stored
    unless the sink does that.

    Args:
        path: A file, a symbolic link, a directory, or nothing.
        before: What was there, None for nothing.
        objects: Holds the trees of `before`.
        sink: Where content goes; of an open transaction, if it uses the stat cache.
        progress: Is told how far the scan has come.
        picks: Which files below a directory count; None for all.

    Raises:
        UnreadableFileError, FileChangedError: As `fingerprint`.
        MissingObjectError: A tree of `before` is not in the store.
        CorruptDataError: A tree of `before` is damaged, or there is no end of directories
            in it.
    """
    assembly = None
    if path.is_dir() and not path.is_symlink():
        with errors_in_words(path):
            top = os.fsencode(Path.cwd() / path)
            assembly = scan(top, sink, progress=progress, keep=True, picks=picks)
        now = assembly.root.found
    else:
        now = find_fingerprint(path, sink)
    comparison = _Comparison(objects, before, assembly)
    if _identity(before) != _identity(now):
        comparison.compare(_entry_of(before), _entry_of(now))
    changes = sorted(comparison.changes, key=lambda change: change.path)
    return WorktreeDiff(now=now, changes=tuple(changes))


class _Comparison:
    """Collects changes, one pair of directories after the other."""

    def __init__(
        self, objects: ObjectStore, before: Fingerprint | None, assembly: Assembly | None
    ) -> None:
        self.changes: list[TreeChange] = []
        self._objects = objects
        self._assembly = assembly
        tops = (content_of(before),) if before is not None and before.kind == "dir" else ()
        self._descents = Descents(tops, objects.read)

    def compare(self, before: TreeEntry | None, after: TreeEntry | None) -> None:
        """Compare two things that differ, and all below them."""
        root = None if self._assembly is None else self._assembly.root
        pending = [(_HERE, before, after, root, 0)]
        while pending:
            path, old, new, directory, depth = pending.pop()
            old_inner = self._list_before(old)
            new_inner = self._list_now(directory)
            if not (_is_directory(old) and _is_directory(new)):
                self._add(path, None if old_inner else old, None if new_inner else new)
            goes_down = False
            for name in old_inner.keys() | new_inner.keys():
                inner_old, inner_new = old_inner.get(name), new_inner.get(name)
                if _identity(inner_old) != _identity(inner_new):
                    goes_down |= _is_directory(inner_old)
                    inner = RepoPath(name if path == _HERE else f"{path}/{name}")
                    below = directory.inner.get(unescape_name(name)) if directory else None
                    pending.append((inner, inner_old, inner_new, below, depth + 1))
            if goes_down and old is not None:
                go_down(self._descents, content_of(old), depth)

    def _add(self, path: RepoPath, old: TreeEntry | None, new: TreeEntry | None) -> None:
        if old is not None or new is not None:
            self.changes.append(TreeChange(path=path, before=old, after=new))

    def _list_before(self, entry: TreeEntry | None) -> Mapping[str, TreeEntry]:
        if entry is None or entry.kind != "dir":
            return {}
        return {each.name: each for each in self._objects.read_tree(content_of(entry))}

    def _list_now(self, directory: Directory | None) -> Mapping[str, TreeEntry]:
        if directory is None or self._assembly is None:
            return {}
        raw = [
            entry
            for first in sorted(directory.parts)
            for entry in raw_entries_of(
                self._assembly.part(directory, first), directory.fingerprints
            )
        ]
        names = escape_names([entry.name for entry in raw])
        return {
            name: TreeEntry(
                name=name,
                kind=entry.kind,
                digest=Digest(entry.digest.hex()),
                size_bytes=entry.size_bytes,
            )
            for name, entry in zip(names, raw, strict=True)
        }


def _is_directory(entry: TreeEntry | None) -> bool:
    return entry is not None and entry.kind == "dir"


def _identity(found: Fingerprint | TreeEntry | None) -> tuple[EntryKind, Digest] | None:
    return None if found is None else (found.kind, found.digest)


def _entry_of(found: Fingerprint | None) -> TreeEntry | None:
    if found is None:
        return None
    return TreeEntry(name=_HERE, kind=found.kind, digest=found.digest, size_bytes=found.size_bytes)
