r"""Trees: the entries of one directory, as one object.

A tree is text, one line an entry, sorted by the raw bytes of the names:

    mlv-tree 1
    file 5f1b...e2 1204 train.csv
    dir 09aa...41 377 images
    link 77cd...0b 9 latest

kind, digest of the entry's object, size of that object in bytes, and the name
escaped as in `mlv.core.paths`. The object of a link is the path it points to;
that of a directory is its own tree. So equal directories have equal digests.

Source: docs/reference/store-format.md, "Trees".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from mlv.core.digest import DigestField, parse_digest
from mlv.core.paths import RepoPath, escape_name, unescape_name

EntryKind = Literal["file", "exec", "link", "dir"]
"""Regular file, executable file, symbolic link, directory."""

TREE_HEADER = b"mlv-tree 1\n"

_LINE = re.compile(r"(file|exec|link|dir) ([0-9a-f]{64}) (0|[1-9][0-9]*) (.+)")
_KINDS: Mapping[str, EntryKind] = {"file": "file", "exec": "exec", "link": "link", "dir": "dir"}
_FORBIDDEN_NAMES = frozenset((b"", b".", b"..", b".git", b".mlv"))


class Fingerprint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a file or a directory held at one moment.

    Attributes:
        kind: What it is.
        digest: Digest of its object: content, link target, or tree.
        size_bytes: Size of that object.
        n_files: How many files a directory holds, at any depth.
        total_bytes: How many bytes the files of a directory hold together.
    """

    kind: EntryKind
    digest: DigestField
    size_bytes: int
    n_files: int = 1
    total_bytes: int = 0

    @property
    def content_bytes(self) -> int:
        """How many bytes of content there are, at any depth."""
        return self.total_bytes if self.kind == "dir" else self.size_bytes


class TreeEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One named thing in a directory.

    Attributes:
        name: Escaped name.
        kind: What it is.
        digest: Digest of its object.
        size_bytes: Size of that object.
    """

    name: str
    kind: EntryKind
    digest: DigestField
    size_bytes: int


class TreeChange(msgspec.Struct, frozen=True, kw_only=True):
    """One path that differs between two listings; None where it is absent."""

    path: RepoPath
    before: TreeEntry | None
    after: TreeEntry | None


def check_name(raw: bytes) -> None:
    """Refuse a name that could lead out of its directory, or into Git or the store.

    Raises:
        ValueError: The name is empty, `.`, `..`, `.git` or `.mlv` in any case, or
            holds a slash, a backslash or a NUL.
    """
    if raw.lower() in _FORBIDDEN_NAMES or any(byte in raw for byte in (b"/", b"\\", b"\0")):
        message = f"{escape_name(raw)!r} cannot be the name of a file in a tree"
        raise ValueError(message)


def encode_tree(entries: Iterable[TreeEntry]) -> bytes:
    """Return the bytes of the tree that holds `entries`, in whatever order they come.

    Raises:
        ValueError: A name is not allowed, is not escaped as `escape_name` does it,
            or comes twice.
    """
    by_name = {}
    for entry in entries:
        raw = unescape_name(entry.name)
        check_name(raw)
        if escape_name(raw) != entry.name:
            message = f"the name {entry.name!r} is not escaped in the one right way"
            raise ValueError(message)
        if raw in by_name:
            message = f"the name {entry.name!r} comes twice in one tree"
            raise ValueError(message)
        by_name[raw] = entry
    lines = [
        f"{entry.kind} {entry.digest} {entry.size_bytes} {entry.name}\n"
        for _, entry in sorted(by_name.items())
    ]
    return TREE_HEADER + "".join(lines).encode()


def decode_tree(data: bytes) -> tuple[TreeEntry, ...]:
    """Return the entries of a tree, sorted by the raw bytes of their names.

    Raises:
        ValueError: `data` is not exactly what `encode_tree` returns for these
            entries, so that one directory has only one digest.
    """
    if not data.startswith(TREE_HEADER):
        message = "not a tree: the header is missing"
        raise ValueError(message)
    lines = data[len(TREE_HEADER) :].decode().split("\n")
    entries = tuple(_parse_line(line) for line in lines[:-1])
    if encode_tree(entries) != data:
        message = "not a tree in canonical form"
        raise ValueError(message)
    return entries


def diff_listings(
    before: Mapping[RepoPath, TreeEntry], after: Mapping[RepoPath, TreeEntry]
) -> tuple[TreeChange, ...]:
    """Return the paths that differ between two listings of files, sorted by path."""
    changes = [
        TreeChange(path=path, before=before.get(path), after=after.get(path))
        for path in before.keys() | after.keys()
        if _identity(before.get(path)) != _identity(after.get(path))
    ]
    return tuple(sorted(changes, key=lambda change: change.path))


def _identity(entry: TreeEntry | None) -> tuple[EntryKind, str] | None:
    return None if entry is None else (entry.kind, entry.digest)


def _parse_line(line: str) -> TreeEntry:
    match = _LINE.fullmatch(line)
    if match is None:
        message = f"not a line of a tree: {line!r}"
        raise ValueError(message)
    kind, digest, size, name = match.groups()
    return TreeEntry(
        name=name, kind=_KINDS[kind], digest=parse_digest(digest), size_bytes=int(size)
    )
