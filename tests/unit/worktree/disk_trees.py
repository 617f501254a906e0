"""Directories as values: made on the disk, read from it, and put into a store."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from mlv.core.paths import RepoPath, escape_name
from mlv.core.run import Content
from mlv.core.tree import EntryKind, TreeChange, TreeEntry
from mlv.core.tree_diff import diff_directories
from mlv.store.object_writer import ObjectWriter
from mlv.store.objects import ObjectStore


class File(msgspec.Struct, frozen=True):
    """A regular file."""

    data: bytes = b""
    kind: EntryKind = "file"


class Link(msgspec.Struct, frozen=True):
    """A symbolic link."""

    target: bytes


Tree = Mapping[bytes, "File | Link | Tree"]
"""A directory, by raw name."""


def make(path: Path, what: File | Link | Tree) -> None:
    """Make it on the disk, where nothing is."""
    if isinstance(what, Link):
        path.symlink_to(os.fsdecode(what.target))
    elif isinstance(what, File):
        path.write_bytes(what.data)
        path.chmod(0o755 if what.kind == "exec" else 0o644)
    else:
        path.mkdir(exist_ok=True)
        for name, inner in what.items():
            make(path / os.fsdecode(name), inner)


def read(path: Path) -> File | Link | Tree | None:
    """Return what is there."""
    if path.is_symlink():
        return Link(os.fsencode(path.readlink()))
    if path.is_dir():
        found = {os.fsencode(each.name): read(each) for each in path.iterdir()}
        return {name: each for name, each in found.items() if each is not None}
    if path.is_file():
        return File(path.read_bytes(), "exec" if path.stat().st_mode & 0o100 else "file")
    return None


def store(writer: ObjectWriter, what: File | Link | Tree, name: bytes = b"top") -> TreeEntry:
    """Put it into a store, and return the entry that names it."""
    kind: EntryKind = "dir"
    if isinstance(what, Link):
        kind, content = "link", writer.add_bytes(what.target)
    elif isinstance(what, File):
        kind, content = what.kind, writer.add_bytes(what.data)
    else:
        entries = [store(writer, inner, inner_name) for inner_name, inner in what.items()]
        content = writer.add_tree(entries)
    return TreeEntry(
        name=escape_name(name), kind=kind, digest=content.digest, size_bytes=content.size_bytes
    )


def keep(objects: ObjectStore, what: File | Link | Tree, name: bytes = b"top") -> TreeEntry:
    """Put it into a store by a transaction of its own."""
    with objects.transaction() as writer:
        return store(writer, what, name)


def changes_between(
    objects: ObjectStore, before: TreeEntry, after: TreeEntry, path: str
) -> tuple[TreeChange, ...]:
    """Return how two stored directories differ."""

    def content(entry: TreeEntry) -> Content:
        return Content(digest=entry.digest, size_bytes=entry.size_bytes)

    return tuple(diff_directories(content(before), content(after), objects.read, RepoPath(path)))
