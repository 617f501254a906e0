"""How deep directories go, and how often one and the same comes in a directory.

A few trees that name each other several times stand for more directories than anybody can
write or list. Who walks over directories refuses that early.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from mlv.core.digest import Digest
from mlv.core.run import Content
from mlv.core.tree_buckets import ReadObject, read_directory

MAX_DEPTH = 1024
"""Directories one in another; deeper ones cannot be checked out."""

MAX_DESCENTS = 1_000_000
"""How often a directory that has directories in it may come in another one.

Directories of nothing but files, and empty ones, come as often as they like."""

_SUSPICIOUS = 1024
"""After so many times it is worth to count how often each directory comes."""


class Descents:
    """Counts for a walk how often it goes down through each directory.

    Args:
        tops: The directories where the walk begins.
        read: Called for all trees in them, if one and the same comes often.
    """

    def __init__(self, tops: Sequence[Content], read: ReadObject) -> None:
        self._tops = tops
        self._read = read
        self._counts: Counter[Digest] = Counter()
        self._is_checked = False

    def go_down(self, tree: Content, depth: int = 0) -> None:
        """Take note that the directories in a directory come next.

        Args:
            tree: The directory.
            depth: How many directories it lies in.

        Raises:
            ValueError: They lie too deep, or one comes too often in the whole.
        """
        if depth + 1 >= MAX_DEPTH:
            message = f"there are more than {MAX_DEPTH} directories one in another"
            raise ValueError(message)
        self._counts[tree.digest] += 1
        if self._counts[tree.digest] > _SUSPICIOUS and not self._is_checked:
            for top in self._tops:
                check_descents(top, _read_inner(top, self._read))
            self._is_checked = True


def check_descents(top: Content, inner: Mapping[Content, Sequence[Content]]) -> None:
    """Refuse a directory in which another one comes too often; nothing is walked over.

    Args:
        top: The directory.
        inner: The directories in each one that has any.

    Raises:
        ValueError: There is such a directory.
    """
    n_waiting = Counter(tree for trees in inner.values() for tree in trees if tree in inner)
    n_times = Counter({top: 1})
    ready = [top] if top in inner else []
    while ready:
        outer = ready.pop()
        if n_times[outer] > MAX_DESCENTS:
            message = f"directory {outer.digest[:12]}, which has others in it, comes too often"
            raise ValueError(f"{message}: more than {MAX_DESCENTS:,} times")
        for tree in inner[outer]:
            if tree in inner:
                n_times[tree] += n_times[outer]
                n_waiting[tree] -= 1
                if not n_waiting[tree]:
                    ready.append(tree)


def _read_inner(top: Content, read: ReadObject) -> dict[Content, list[Content]]:
    inner: dict[Content, list[Content]] = {}
    seen = {top}
    pending = [top]
    while pending:
        tree = pending.pop()
        found = [
            Content(digest=entry.digest, size_bytes=entry.size_bytes)
            for entry in read_directory(tree, read)
            if entry.kind == "dir"
        ]
        if found:
            inner[tree] = found
            new = set(found) - seen
            seen |= new
            pending += new
    return inner
