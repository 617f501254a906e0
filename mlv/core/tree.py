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

import operator
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from mlv.core.digest import DigestField
from mlv.core.paths import RepoPath, escape_name
from mlv.core.tree_names import escape_names, find_refused, is_allowed, unescape_names

EntryKind = Literal["file", "exec", "link", "dir"]
"""Regular file, executable file, symbolic link, directory."""

TREE_HEADER = b"mlv-tree 1\n"

MAX_PLAIN_ENTRIES = 4096
"""A directory of more entries is split into buckets: see `mlv.core.tree_buckets`."""

_LINE = re.compile(r"^(file|exec|link|dir) ([0-9a-f]{64}) (0|[1-9][0-9]*) (.+)$", re.MULTILINE)


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


class RawEntry(NamedTuple):
    """A `TreeEntry` for hot loops: quick to make, to sort by name and to encode.

    Attributes:
        name: Raw name.
        kind: What it is.
        digest: Digest of its object, 32 bytes.
        size_bytes: Size of that object.
    """

    name: bytes
    kind: EntryKind
    digest: bytes
    size_bytes: int


def check_name(raw: bytes) -> None:
    """Refuse a name that could lead out of its directory, or into Git or the store.

    Raises:
        ValueError: The name is empty, `.` or `..`, holds a slash or a NUL, or is
            `.git` or `.mlv` to some file system.
    """
    if not is_allowed(raw):
        message = f"{escape_name(raw)!r} cannot be the name of a file in a tree"
        raise ValueError(message)


def raw_names(entries: Iterable[TreeEntry]) -> list[bytes]:
    """Return the raw names of entries, in their order.

    Raises:
        ValueError: A name is not allowed, or is not escaped as `escape_name` does it.
    """
    names = [entry.name for entry in entries]
    raws = unescape_names(names)
    _check_names(raws)
    if (escaped := escape_names(raws)) != names:
        wrong = next(name for name, right in zip(names, escaped, strict=True) if name != right)
        message = f"the name {wrong!r} is not escaped in the one right way"
        raise ValueError(message)
    return raws


def raw_entries(entries: Iterable[TreeEntry]) -> list[RawEntry]:
    """Return entries as hot loops have them, in their order.

    Raises:
        ValueError: A name is not allowed, or is not escaped as `escape_name` does it.
    """
    entries = list(entries)
    return [
        RawEntry(raw, entry.kind, bytes.fromhex(entry.digest), entry.size_bytes)
        for raw, entry in zip(raw_names(entries), entries, strict=True)
    ]


def encode_tree(entries: Iterable[TreeEntry]) -> bytes:
    """Return the bytes of the tree that holds `entries`, in whatever order they come.

    Raises:
        ValueError: A name is not allowed, is not escaped as `escape_name` does it,
            or comes twice; or there are more entries than one object holds.
    """
    return encode_raw_tree(raw_entries(entries))


def encode_raw_tree(entries: Iterable[RawEntry]) -> bytes:
    """Return the bytes of the tree that holds `entries`, in whatever order they come.

    Raises:
        ValueError: A name is not allowed or comes twice, or there are more entries
            than one object holds.
    """
    in_order = sorted(entries)
    raws = [entry[0] for entry in in_order]
    _check_count(raws)
    _check_names(raws)
    _check_order(raws)
    lines = [
        f"{kind} {digest.hex()} {size_bytes} {name}\n"
        for name, (_, kind, digest, size_bytes) in zip(escape_names(raws), in_order, strict=True)
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
    text = data[len(TREE_HEADER) :].decode()
    fields = _LINE.findall(text)
    if len(fields) != text.count("\n") or text[-1:] not in {"", "\n"}:
        raise _malformed(text)
    entries = tuple(
        [
            TreeEntry(name=name, kind=kind, digest=digest, size_bytes=int(size))
            for kind, digest, size, name in fields
        ]
    )
    raws = raw_names(entries)
    _check_count(raws)
    _check_order(raws)
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


def _check_names(raws: Sequence[bytes]) -> None:
    refused = find_refused(raws)
    if refused is not None:
        check_name(refused)


def _check_count(raws: Sequence[bytes]) -> None:
    if len(raws) > MAX_PLAIN_ENTRIES:
        message = f"{len(raws)} entries are too many for a tree without buckets"
        raise ValueError(message)


def _check_order(raws: Sequence[bytes]) -> None:
    """Refuse names that are not sorted, or that come twice."""
    if all(map(operator.lt, raws, raws[1:])):
        return
    if len(set(raws)) < len(raws):
        twice = next(raw for raw, count in Counter(raws).items() if count > 1)
        message = f"the name {escape_name(twice)!r} comes twice in one tree"
        raise ValueError(message)
    message = "not a tree in canonical form: its names are not sorted"
    raise ValueError(message)


def _malformed(text: str) -> ValueError:
    wrong = next((line for line in text.split("\n")[:-1] if not _LINE.fullmatch(line)), None)
    if wrong is None:
        return ValueError("not a tree in canonical form: the last line has no end")
    return ValueError(f"not a line of a tree: {wrong!r}")
