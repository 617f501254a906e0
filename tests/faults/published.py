"""Check that whatever a store has published is there, whole, down to the last byte.

What is published are operations in the log, and pointer files in the worktree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from mlv.core.canonical import encode_record
from mlv.core.digest import parse_digest
from mlv.core.pointer import parse_pointer
from mlv.core.run import Content
from mlv.store.layout import open_layout
from mlv.store.objects import ObjectStore, content_of
from mlv.store.operation_log import OperationLog

_RECORD = b"{"


def check_published(root: Path) -> int:
    """Read everything that the repository at `root` has published.

    Returns:
        How many objects that were.

    Raises:
        MlvError: Something is missing or damaged.
    """
    layout = open_layout(root / ".mlv")
    objects = ObjectStore(layout)
    seen: set[Content] = set()
    for logged in OperationLog(layout.log, layout.read_clone_id()).read():
        for content, kind in _named_in(msgspec.json.decode(encode_record(logged.operation))):
            _check(objects, content, kind, seen)
    for pointer in root.rglob("?*.mlv"):
        if pointer.is_file():
            found = parse_pointer(pointer.read_bytes(), str(pointer))
            _check(objects, content_of(found), found.kind, seen)
    return len(seen)


def _check(objects: ObjectStore, content: Content, kind: str, seen: set[Content]) -> None:
    if content in seen:
        return
    seen.add(content)
    data = objects.read(content)
    assert len(data) == content.size_bytes
    if kind == "dir":
        for entry in objects.read_tree(content):
            _check(objects, content_of(entry), entry.kind, seen)
    elif kind == "record" and data.startswith(_RECORD):
        for inner, inner_kind in _named_in(msgspec.json.decode(data)):
            _check(objects, inner, inner_kind, seen)


def _named_in(value: object) -> Iterator[tuple[Content, str]]:
    """Yield every object that a decoded document names, with its kind."""
    if isinstance(value, Mapping):
        digest, size = value.get("digest"), value.get("size_bytes")
        if isinstance(digest, str) and isinstance(size, int):
            kind = value.get("kind", "record")
            yield Content(digest=parse_digest(digest), size_bytes=size), str(kind)
            return
        for inner in value.values():
            yield from _named_in(inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            yield from _named_in(inner)
