"""A model of what a disk may hold after a loss of power.

- A change of a directory (a name that is made, moved or removed) may be lost until that
  directory was synced; whether it is lost does not depend on any other change. A rename is
  one change, of the directory that it goes into.
- What a file holds may be lost until the file was synced: it then holds what it held when it
  was synced last, or half of what is new, or zeros in its place. Syncing a file says nothing
  about its name.
- What was synced stays.

There are too many combinations to look at all. Looked at are: every state in which at most
two changes are lost, and every one in which at most two survive; all combinations where there
are at most five changes. All files that lose what they hold lose it in the same way.
"""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

Node = tuple[int, int]
"""A file or directory: its inode, and how often that inode had been in use before."""

Name = tuple[Node, str]
"""A directory, and a name in it."""

Loss = Literal["old", "torn", "zeros"]

State = Mapping[str, bytes | None]
"""Files by path, with what they hold; None for a directory. Links are files with a prefix."""

LINK = b"\0link to "

_LOSSES: tuple[Loss, ...] = ("old", "torn", "zeros")
_FEW = 2
_ALL_UP_TO = 5


class Change(msgspec.Struct, frozen=True):
    """Names that came, went or moved at once, because of one change of one directory."""

    directory: Node
    after: tuple[tuple[Name, Node | None], ...]


class Disk:
    """What is certain to be on a disk, and what may be lost.

    Args:
        root: The directory that is watched; everything in it is taken to be synced.
        skipped: Paths below it that are passed over.
    """

    def __init__(self, root: Path, skipped: frozenset[str]) -> None:
        self._root = root
        self._skipped = skipped
        self._uses: dict[int, int] = {}
        self._live: dict[Name, Node] = {}
        self._held: dict[Node, bytes | None] = {}
        self._synced: dict[Node, bytes | None] = {}
        self._live = self._scan()
        self._certain = dict(self._live)
        self._synced |= self._held
        self._changes: list[Change] = []

    def observe(self) -> bool:
        """Take note of what happened since the last time, and tell whether anything did."""
        held_before, live = dict(self._held), self._scan()
        gone = {name: node for name, node in self._live.items() if live.get(name) != node}
        sources = {node: name for name, node in gone.items()}
        changes = []
        for name, node in live.items():
            if self._live.get(name) == node:
                continue
            source = sources.get(node)
            after: list[tuple[Name, Node | None]] = [(name, node)]
            if source is not None and source not in live:
                after.append((source, None))
                gone.pop(source)
            gone.pop(name, None)
            changes.append(Change(name[0], tuple(after)))
        changes += [Change(name[0], ((name, None),)) for name in gone]
        self._changes += changes
        self._live = live
        return bool(changes) or held_before != self._held

    def sync(self, descriptor: int) -> None:
        """Take note that a file or directory is synced."""
        found = os.fstat(descriptor)
        node = self._node(found.st_ino)
        if stat.S_ISDIR(found.st_mode):
            for change in self._changes:
                if change.directory == node:
                    _apply(self._certain, change)
            self._changes = [each for each in self._changes if each.directory != node]
        elif node in self._held:
            self._synced[node] = self._held[node]

    def states(self) -> Iterator[State]:
        """Yield what may be left if power is lost now."""
        dirty = [node for node in self._held if self._synced.get(node) != self._held[node]]
        n_changes = len(self._changes)
        for lost in _subsets(n_changes + len(dirty)):
            names = dict(self._certain)
            for number, change in enumerate(self._changes):
                if number not in lost:
                    _apply(names, change)
            losing = [node for number, node in enumerate(dirty, n_changes) if number in lost]
            for loss in _LOSSES if losing else _LOSSES[:1]:
                left = {node: self._after_loss(node, loss) for node in losing}
                yield self._files(names, {**self._held, **left})

    def _after_loss(self, node: Node, loss: Loss) -> bytes:
        new, old = self._held[node] or b"", self._synced.get(node) or b""
        kept = old if new.startswith(old) else b""
        if loss == "torn":
            return new[: (len(kept) + len(new)) // 2]
        return old if loss == "old" else kept.ljust(len(new), b"\0")

    def _files(self, names: Mapping[Name, Node], held: Mapping[Node, bytes | None]) -> State:
        below: dict[Node, list[tuple[str, Node]]] = {}
        for (directory, name), node in names.items():
            below.setdefault(directory, []).append((name, node))
        state: dict[str, bytes | None] = {}
        pending = [(self._top, "")]
        while pending:
            directory, path = pending.pop()
            for name, node in below.get(directory, ()):
                state[path + name] = held[node]
                if held[node] is None:
                    pending.append((node, f"{path}{name}/"))
        return state

    def _node(self, inode: int) -> Node:
        return inode, self._uses.get(inode, 0)

    def _scan(self) -> dict[Name, Node]:
        """Read everything; return the names, and keep what the files hold."""
        names: dict[Name, Node] = {}
        self._top = self._node(self._root.stat().st_ino)
        pending = [(self._top, "")]
        while pending:
            directory, path = pending.pop()
            for entry in sorted(os.scandir(self._root / path), key=lambda each: each.name):
                inner = f"{path}{entry.name}"
                if inner in self._skipped:
                    continue
                node = names[directory, entry.name] = self._node(entry.inode())
                self._held[node] = _read(entry)
                if entry.is_symlink():
                    self._synced[node] = self._held[node]
                elif entry.is_dir():
                    pending.append((node, f"{inner}/"))
        for inode in {node[0] for node in self._live.values()} - {n[0] for n in names.values()}:
            self._uses[inode] = self._uses.get(inode, 0) + 1  # its next owner is another file
        return names


def write_state(state: State, root: Path) -> None:
    """Make a directory that holds what is left."""
    root.mkdir(parents=True)
    for name in sorted(state):
        data = state[name]
        if data is None:
            (root / name).mkdir()
        elif data.startswith(LINK):
            (root / name).symlink_to(os.fsdecode(data[len(LINK) :]))
        else:
            (root / name).write_bytes(data)


def _read(entry: os.DirEntry[str]) -> bytes | None:
    if entry.is_symlink():
        return LINK + os.fsencode(Path(entry.path).readlink())
    return None if entry.is_dir() else Path(entry.path).read_bytes()


def _apply(names: dict[Name, Node], change: Change) -> None:
    for name, node in change.after:
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


def _subsets(n_items: int) -> Iterator[frozenset[int]]:
    sizes = set(range(n_items + 1))
    if n_items > _ALL_UP_TO:
        sizes = {size for size in sizes if size <= _FEW or size >= n_items - _FEW}
    for size in sorted(sizes):
        yield from map(frozenset, itertools.combinations(range(n_items), size))
