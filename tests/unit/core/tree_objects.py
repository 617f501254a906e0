"""Trees in memory, for what reads them through a callback."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import pytest

from mlv.core.digest import Digest, digest_of
from mlv.core.paths import RepoPath
from mlv.core.run import Content
from mlv.core.tree import EntryKind, TreeEntry
from mlv.core.tree_buckets import encode_directory, read_directory
from mlv.core.tree_diff import EMPTY_TREE
from tests.unit.core.builders import content, entry

Leaf = tuple[EntryKind, bytes]
Node = bytes | Leaf | Mapping[str, "Node"]
"""A file of these bytes; another leaf; or a directory."""


class TreeObjects:
    """A pile of objects that notes which of them were read."""

    def __init__(self) -> None:
        self.objects: dict[Digest, bytes] = {}
        self.reads: list[Content] = []

    def read(self, wanted: Content) -> bytes:
        self.reads.append(wanted)
        return self.objects[wanted.digest]

    def add_bytes(self, data: bytes) -> Content:
        added = content(data)
        self.objects[added.digest] = data
        return added

    def add(self, entries: Iterable[TreeEntry]) -> Content:
        encoded = encode_directory(entries)
        for data in encoded.buckets:
            self.add_bytes(data)
        return self.add_bytes(encoded.data)

    def build(self, directory: Mapping[str, Node]) -> Content:
        return self.add(self._entry(name, node) for name, node in directory.items())

    def chain(self, name: str, depth: int, data: bytes) -> Content:
        """Add a file below `depth` directories of the same name."""
        tree = self.build({name: data})
        for _ in range(depth):
            tree = self.add([directory_entry(name, tree)])
        return tree

    def list_leaves(self, tree: Content, prefix: str = "") -> dict[RepoPath, TreeEntry]:
        """Return files, links and empty directories by path."""
        found: dict[RepoPath, TreeEntry] = {}
        for each in read_directory(tree, lambda wanted: self.objects[wanted.digest]):
            if each.kind == "dir" and each.digest != EMPTY_TREE:
                inner = Content(digest=each.digest, size_bytes=each.size_bytes)
                found |= self.list_leaves(inner, f"{prefix}{each.name}/")
            else:
                found[RepoPath(f"{prefix}{each.name}")] = each
        return found

    def _entry(self, name: str, node: Node) -> TreeEntry:
        if isinstance(node, Mapping):
            return directory_entry(name, self.build(node))
        if isinstance(node, bytes):
            return entry(name, node)
        kind, data = node
        return entry(name, data, kind)


def directory_entry(name: str, tree: Content) -> TreeEntry:
    return TreeEntry(name=name, kind="dir", digest=tree.digest, size_bytes=tree.size_bytes)


def numbered(count: int) -> list[TreeEntry]:
    """Return entries of distinct names, sorted."""
    digest = digest_of(b"")
    return [
        TreeEntry(name=f"{number:08}.jpg", kind="file", digest=digest, size_bytes=0)
        for number in range(count)
    ]


@contextmanager
def hold_at_most(limit: int) -> Iterator[None]:
    """Let so few entries be all that an object holds, so that buckets need not be many."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("tree", "tree_buckets", "tree_update"):
            patch.setattr(f"mlv.core.{module}.MAX_PLAIN_ENTRIES", limit)
        yield
