"""A reader of stores, written from docs/reference/store-format.md alone.

It needs the standard library and `blake3`, and nothing of mlv, so that it shows that the
document says enough.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from blake3 import blake3

TYPES = ("run", "environment", "operation", "worktree-change")
ENTRY = re.compile(rb"(file|exec|link|dir) ([0-9a-f]{64}) (0|[1-9][0-9]*) ([^\n]+)\n")
ESCAPE = re.compile(rb"\\(x[0-9a-f]{2}|n|\\)")


class Entry(NamedTuple):
    """One line of a tree."""

    kind: str
    name: bytes
    digest: str
    size: int


class Store:
    """A store of format 1."""

    def __init__(self, root: Path) -> None:
        if (root / "format").read_bytes() != b"mlv-store 1\ndigest blake3\n":
            raise ValueError(root / "format")
        self.root = root

    def objects(self) -> list[str]:
        """Return the digest of every object."""
        return sorted(path.parent.name + path.name for path in self.root.glob("objects/*/*"))

    def read(self, digest: str, size: int) -> bytes:
        """Return the bytes of an object, which are what they must be."""
        data = (self.root / "objects" / digest[:2] / digest[2:]).read_bytes()
        if len(data) != size or blake3(data).hexdigest() != digest:
            raise ValueError(digest)
        return data

    def read_record(self, content: dict[str, Any]) -> dict[str, Any]:
        """Return a record."""
        return parse_record(self.read(content["digest"], content["size_bytes"]))

    def read_tree(self, digest: str, size: int) -> list[Entry]:
        """Return the entries of a directory."""
        header, _, lines = self.read(digest, size).partition(b"\n")
        found = ENTRY.findall(lines)
        if header != b"mlv-tree 1" or sum(len(b" ".join(line)) + 1 for line in found) != len(lines):
            raise ValueError(digest)
        entries = [Entry(k.decode(), unescape(n), d.decode(), int(s)) for k, d, s, n in found]
        if [entry.name for entry in entries] != sorted({entry.name for entry in entries}):
            raise ValueError(digest)
        return entries

    def operations(self) -> list[tuple[str, dict[str, Any]]]:
        """Return id and content of all operations, in the order in which they apply."""
        found = [each for path in self.root.glob("log/*.log") for each in read_log(path)]
        return sorted(found, key=_moment)

    def runs(self) -> dict[str, dict[str, Any]]:
        """Return the record of every visible run, by id."""
        visible: dict[str, dict[str, Any]] = {}
        for _, operation in self.operations():
            change = operation["change"].get("inverse", operation["change"])
            if change["kind"] == "publish-run":
                visible[change["run"]] = change["record"]
            elif change["kind"] == "hide-run":
                visible.pop(change["run"], None)
        return {run: self.read_record(visible[run]) for run in sorted(visible)}


def read_log(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the operations of one clone; every link of the chain is checked."""
    previous = None
    for line in path.read_bytes().split(b"\n")[:-1]:
        digest, _, encoded = line.partition(b" ")
        operation = parse_record(encoded)
        if blake3(encoded).hexdigest() != digest.decode() or operation.get("previous") != previous:
            raise ValueError(line)
        previous = digest.decode()
        yield previous, operation


def parse_record(data: bytes) -> dict[str, Any]:
    """Return a record of a known type."""
    record: dict[str, Any] = json.loads(data)
    if record["type"] not in TYPES or record["schema"] != 1:
        raise ValueError(data)
    return record


def unescape(text: bytes) -> bytes:
    """Return the bytes of a name."""

    def replace(match: re.Match[bytes]) -> bytes:
        code = match.group(1)
        return {b"n": b"\n", b"\\": b"\\"}.get(code) or bytes.fromhex(code[1:].decode())

    return ESCAPE.sub(replace, text)


def _moment(logged: tuple[str, dict[str, Any]]) -> tuple[int, int, str, str]:
    time = logged[1]["time"]
    return time["wall_ms"], time.get("counter", 0), logged[1]["clone"], logged[0]
