"""A reader of stores, written from docs/reference/store-format.md alone, without mlv."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from functools import cached_property
from itertools import accumulate
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import zstandard
from blake3 import blake3

TYPES = ("run", "environment", "operation", "worktree-change")
ENTRY = re.compile(rb"(file|exec|link|dir) ([0-9a-f]{64}) (0|[1-9][0-9]*) ([^\n]+)\n")
BUCKET = re.compile(rb"([0-9a-f]{2}) ([0-9a-f]{64}) ([1-9][0-9]*)\n")
ESCAPE = re.compile(rb"\\(x[0-9a-f]{2}|n|\\)")
UNSEEN = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
DISGUISE = re.compile(r"(\.git|\.mlv|git~[1-4]|mlv~[1-4])[ .]*(\Z|[:\\])", re.IGNORECASE | re.ASCII)
POINTER = re.compile(r"([a-z_]+):[ \t]+([^\s#]+)[ \t]*(?:#.*)?")
OBJECT, RECIPE, ZSTD = 1, 2, 1
LIMITS = {OBJECT: 2 << 20, RECIPE: 1 << 30}
MOST_ENTRIES = 4096
Row = tuple[bytes, int, int, int, int, int]


class Entry(NamedTuple):
    """One line of a tree, or what a pointer says."""

    kind: str
    name: bytes
    digest: str
    size: int


class Store:
    """A store of format 1."""

    def __init__(self, root: Path) -> None:
        check((root / "format").read_bytes() == b"mlv-store 1\ndigest blake3\n", root)
        self.root = root

    @cached_property
    def packed(self) -> dict[str, list[tuple[Path, Row]]]:
        """Packs and rows of their indexes, by the digest of the object."""
        found: dict[str, list[tuple[Path, Row]]] = {}
        for path in self.root.glob("packs/??/*"):
            for row in read_index(path):
                found.setdefault(row[0].hex(), []).append((path, row))
        return found

    def objects(self) -> set[str]:
        """Return the digest of every object."""
        return self.packed.keys() | {
            path.parent.name + path.name for path in self.root.glob("objects/??/*")
        }

    def read(self, digest: str, size_bytes: int) -> bytes:
        """Return the bytes of an object, which are what they must be."""
        for path, row in self.packed.get(digest, []):
            data = read_payload(path, row)
            if row[4] == RECIPE:
                check(data[:32] == blake3(data[32:]).digest(), digest)
                chunks = struct.iter_unpack("<32sQ", data[32:])
                data = b"".join(self.read(chunk.hex(), size) for chunk, size in chunks)
            if len(data) == size_bytes and blake3(data).hexdigest() == digest:
                return data
        data = (self.root / "objects" / digest[:2] / digest[2:]).read_bytes()
        check(len(data) == size_bytes and blake3(data).hexdigest() == digest, digest)
        return data

    def read_tree(self, digest: str, size: int) -> list[Entry]:
        """Return the entries of a directory."""
        return sorted(self.entries(digest, size, b""), key=lambda entry: entry.name)

    def entries(self, digest: str, size: int, place: bytes) -> list[Entry]:
        """Return the entries of a tree, or of the bucket at a place."""
        header, _, text = self.read(digest, size).partition(b"\n")
        if header == b"mlv-tree-buckets 1":
            buckets = [(bytes.fromhex(n), d, int(s)) for n, d, s in split(BUCKET, text)]
            numbers = [number for number, _, _ in buckets]
            entries = [e for n, d, s in buckets for e in self.entries(d, s, place + n)]
            check(numbers == sorted(set(numbers)) and len(entries) > MOST_ENTRIES, digest)
            return entries
        lines = split(ENTRY, text)
        entries = [Entry(k, unescape(n.encode()), d, int(s)) for k, d, s, n in lines]
        names = [entry.name for entry in entries]
        check(header == b"mlv-tree 1" and len(names) <= MOST_ENTRIES, digest)
        check(names == sorted(set(names)) and all(map(is_allowed, names)), digest)
        check(all(blake3(name).digest().startswith(place) for name in names), digest)
        return entries

    def operations(self) -> list[dict[str, Any]]:
        """Return all operations, each with its id and place, in the order in which they apply."""
        found = [each for path in self.root.glob("log/*.log") for each in read_log(path)]
        return sorted(found, key=itemgetter("place"))

    def runs(self) -> dict[str, dict[str, Any]]:
        """Return the record of every visible run, by id."""
        visible: dict[str, dict[str, Any]] = {}
        for operation in self.operations():
            change = operation["change"].get("inverse", operation["change"])
            if change["kind"] == "publish-run":
                visible[change["run"]] = change["record"]
            elif change["kind"] == "hide-run":
                visible.pop(change["run"], None)
        return {run: parse_record(self.read(**visible[run])) for run in sorted(visible)}


def check(is_right: bool, where: object) -> None:  # noqa: FBT001 - one word says it
    """Refuse what is not as the document says."""
    if not is_right:
        raise ValueError(where)


def read_index(path: Path) -> list[Row]:
    """Return the entries of a pack."""
    data = path.read_bytes()
    offset, count, hashed, magic = struct.unpack("<QQ32s8x8s", data[-64:])
    check(data[:16] == b"MLVPACK\0\1" + bytes(7) and magic == b"MLVPEND\0", path)
    check(offset + 1024 + 64 * count + 64 == len(data), path)
    hashes = [blake3(data).hexdigest(), blake3(data[offset:-64]).digest()]
    check(hashes == [path.parent.name + path.name, hashed], path)
    rows: list[Row] = list(struct.iter_unpack("<32sQQQBB6x", data[offset + 1024 : -64]))
    first = [row[0][0] for row in rows]
    fan_out = accumulate(first.count(byte) for byte in range(256))
    check(rows == sorted(rows) and data[offset:][:1024] == struct.pack("<256I", *fan_out), path)
    return rows


def read_payload(path: Path, row: Row) -> bytes:
    """Return the object of a record, or its recipe."""
    digest, offset, stored, size, kind, codec = row
    check(stored <= LIMITS[kind] and (size <= LIMITS[kind] or kind == RECIPE), path)
    with path.open("rb") as file:
        file.seek(offset)
        header, data = file.read(64), file.read(stored)
    fields = struct.pack("<4sBBHQQ32sI", b"MLVR", kind, codec, 0, stored, size, digest, 0)
    check(header == fields + struct.pack("<I", crc32(fields)), path)
    if codec == ZSTD:
        check(0 <= zstandard.frame_content_size(data) <= LIMITS[kind], path)
        data = zstandard.ZstdDecompressor().decompress(data)
    return data


def split(line: re.Pattern[bytes], text: bytes) -> list[list[str]]:
    """Return the fields of lines that are all of one form."""
    found = line.findall(text)
    check(b"".join(b" ".join(fields) + b"\n" for fields in found) == text, text)
    return [[field.decode() for field in fields] for fields in found]


def is_allowed(name: bytes) -> bool:
    """Tell whether a name may be in a tree."""
    seen = UNSEEN.sub("", name.decode("utf-8", "surrogateescape"))
    special = name in {b"", b".", b".."} or b"/" in name or b"\0" in name
    return not special and not DISGUISE.match(seen)


def read_pointer(path: Path) -> Entry:
    """Return what the pointer `<name>.mlv` says of its data."""
    lines = [line for line in path.read_text().splitlines() if line and line[0] != "#"]
    matches = [match for line in lines if (match := POINTER.fullmatch(line))]
    keys = {match[1]: match[2] for match in matches}
    check(keys["mlv"] == "1" and len(keys) == len(lines), path)
    size = int(keys["tree_size" if keys["kind"] == "dir" else "size"])
    return Entry(keys["kind"], bytes(path.with_suffix("")), keys["digest"], size)


def read_log(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the operations of one clone; every link of the chain is checked."""
    previous = None
    for line in path.read_bytes().split(b"\n")[:-1]:
        found = parse_record(line[65:])
        check(found.get("previous") == previous, line)
        previous = blake3(line[65:]).hexdigest()
        check(line[:65] == previous.encode() + b" ", line)
        time = (found["time"]["wall_ms"], found["time"].get("counter", 0))
        yield found | {"id": previous, "place": (*time, found["clone"], previous)}


def parse_record(data: bytes) -> dict[str, Any]:
    """Return a record of a known type."""
    record: dict[str, Any] = json.loads(data)
    check(record["type"] in TYPES and record["schema"] == 1, data)
    return record


def unescape(text: bytes) -> bytes:
    """Return the bytes of a name."""
    short = {b"n": b"\n", b"\\": b"\\"}
    return ESCAPE.sub(lambda at: short.get(at[1]) or bytes.fromhex(at[1][1:].decode()), text)
