"""How two directories differ, without reading what they have in common.

A path is that of a file, a link or an empty directory; other directories differ
through what they hold.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from operator import itemgetter

import msgspec

from mlv.core.digest import digest_of
from mlv.core.paths import RepoPath
from mlv.core.run import Content
from mlv.core.tree import TREE_HEADER, TreeChange, TreeEntry
from mlv.core.tree_buckets import (
    ReadObject,
    decode_buckets,
    is_bucketed,
    place_below,
    read_object,
    read_part,
)
from mlv.core.tree_limits import Descents
from mlv.core.tree_names import path_below

EMPTY_TREE = digest_of(TREE_HEADER)
"""Digest of the tree without entries."""

_ROOT = RepoPath(".")


class Rename(msgspec.Struct, frozen=True, kw_only=True):
    """A file or link that is at another path than before.

    Attributes:
        before, after: Its paths.
        entry: What is there.
    """

    before: RepoPath
    after: RepoPath
    entry: TreeEntry


class _Descent(msgspec.Struct, frozen=True):
    """Two directories of one path that are still to be compared."""

    path: RepoPath
    before: Content | None
    after: Content | None


def diff_directories(
    before: Content | None,
    after: Content | None,
    read: ReadObject,
    path: RepoPath = _ROOT,
) -> Iterator[TreeChange]:
    """Yield the paths that differ between two directories, sorted by path.

    Args:
        before: Tree of the older directory; None where there is none.
        after: Tree of the newer one.
        read: Called for the trees and buckets that differ, as the iteration goes on.
        path: Where the directory belongs.

    Raises:
        ValueError: A tree is malformed, or lies too deep, or comes too often.
    """
    tops = [tree for tree in (before, after) if tree is not None]
    descents = Descents(tops, read)
    stack = [_compare(_Descent(path, before, after), read, descents)]
    while stack:
        step = next(stack[-1], None)
        if step is None:
            stack.pop()
        elif isinstance(step, TreeChange):
            yield step
        else:
            stack.append(_compare(step, read, descents))


def diff_entries(
    before: Content | None, after: Content | None, read: ReadObject
) -> Iterator[TreeChange]:
    """Yield the entries that differ between two directories themselves, in no order.

    Args:
        before: Tree of the older directory; None where there is none.
        after: Tree of the newer one.
        read: Called for both, and for each bucket that differs.

    Raises:
        ValueError: An object is malformed. Buckets that both have are not looked at.
    """
    for before_part, after_part in _read_differing(before, after, read, b""):
        old, new = ({each.name: each for each in part} for part in (before_part, after_part))
        for name in old.keys() | new.keys():
            if old.get(name) != new.get(name):
                yield TreeChange(path=RepoPath(name), before=old.get(name), after=new.get(name))


def find_renames(changes: Iterable[TreeChange]) -> tuple[Rename, ...]:
    """Pair paths that were removed with added ones of the same content, sorted by new path.

    Each path is in one pair at most, and those that kept their last name are paired
    first. Empty files and directories are not paired: all of them are alike.
    """
    removed: dict[RepoPath, TreeEntry] = {}
    added: dict[RepoPath, TreeEntry] = {}
    for change in changes:
        if change.before is not None and change.after is None:
            removed[change.path] = change.before
        elif change.before is None and change.after is not None:
            added[change.path] = change.after
    renames = _pair(removed, added, lambda entry: (entry.kind, entry.digest, entry.name))
    renames += _pair(removed, added, lambda entry: (entry.kind, entry.digest))
    return tuple(sorted(renames, key=lambda rename: rename.after))


def _compare(
    pair: _Descent, read: ReadObject, descents: Descents
) -> Iterator[TreeChange | _Descent]:
    steps: list[tuple[str, TreeChange | _Descent]] = []
    for entry in diff_entries(pair.before, pair.after, read):
        name, before, after = entry.path, entry.before, entry.after
        path = path_below(pair.path, name)
        change = TreeChange(path=path, before=_leaf(before), after=_leaf(after))
        if change.before is not None or change.after is not None:
            steps.append((name, change))
        inner = _Descent(path, _tree(before), _tree(after))
        if inner.before is not None or inner.after is not None:
            # The slash sorts what is below a directory among its neighbours.
            steps.append((f"{name}/", inner))
    for each in (pair.before, pair.after):
        if each is not None and any(isinstance(step, _Descent) for _, step in steps):
            descents.go_down(each)
    steps.sort(key=itemgetter(0))
    yield from (step for _, step in steps)


def _read_differing(
    before: Content | None, after: Content | None, read: ReadObject, place: bytes
) -> Iterator[tuple[Sequence[TreeEntry], Sequence[TreeEntry]]]:
    """Yield the entries of both directories, less those in buckets that both have."""
    if before == after:
        return
    old, new = (None if each is None else read_object(each, read) for each in (before, after))
    if old is not None and new is not None and is_bucketed(old) and is_bucketed(new):
        olds, news = (
            {bucket.index: bucket.content for bucket in decode_buckets(data)} for data in (old, new)
        )
        for index in sorted(olds.keys() | news.keys()):
            inner = place_below(place, index)
            yield from _read_differing(olds.get(index), news.get(index), read, inner)
    else:
        yield (
            () if old is None else read_part(old, read, place),
            () if new is None else read_part(new, read, place),
        )


def _is_leaf(entry: TreeEntry) -> bool:
    return entry.kind != "dir" or entry.digest == EMPTY_TREE


def _leaf(entry: TreeEntry | None) -> TreeEntry | None:
    return entry if entry is not None and _is_leaf(entry) else None


def _tree(entry: TreeEntry | None) -> Content | None:
    if entry is None or _is_leaf(entry):
        return None
    return Content(digest=entry.digest, size_bytes=entry.size_bytes)


def _pair(
    removed: dict[RepoPath, TreeEntry],
    added: dict[RepoPath, TreeEntry],
    what_moved: Callable[[TreeEntry], Hashable],
) -> list[Rename]:
    """Take out the pairs of paths whose entries are the same thing, in order of path."""
    waiting: defaultdict[Hashable, deque[RepoPath]] = defaultdict(deque)
    for path, entry in sorted(removed.items(), key=itemgetter(0)):
        waiting[what_moved(entry)].append(path)
    renames: list[Rename] = []
    for path, entry in sorted(added.items(), key=itemgetter(0)):
        if entry.kind != "dir" and entry.size_bytes > 0 and (old := waiting[what_moved(entry)]):
            before = old.popleft()
            renames.append(Rename(before=before, after=path, entry=entry))
            del removed[before], added[path]
    return renames
