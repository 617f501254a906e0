"""Change some entries of a directory, and read and write only the buckets that hold them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from blake3 import blake3

from mlv.core.digest import Digest, digest_of
from mlv.core.run import Content
from mlv.core.tree import (
    MAX_PLAIN_ENTRIES,
    TREE_HEADER,
    RawEntry,
    TreeEntry,
    raw_entries,
)
from mlv.core.tree_buckets import (
    EncodedDirectory,
    ReadObject,
    decode_buckets,
    encode_buckets,
    encode_part,
    is_bucketed,
    place_below,
    read_object,
    read_part,
)
from mlv.core.tree_names import unescape_names

_Updates = Mapping[bytes, RawEntry | None]


def update_directory(
    tree: Content | None, updates: Mapping[str, TreeEntry | None], read: ReadObject
) -> EncodedDirectory:
    """Return the objects of a directory after some of its entries changed.

    Args:
        tree: The directory as it was; None for an empty one.
        updates: What is there now, by escaped name; None where nothing is.
        read: Called for the object of the directory, and the buckets that change.

    Returns:
        The directory as `encode_directory` makes it, less buckets that stayed as they were.

    Raises:
        ValueError: An object is malformed, or a name is not allowed.
    """
    present = {entry.name: entry for entry in raw_entries(filter(None, updates.values()))}
    raw_updates = {raw: present.get(raw) for raw in unescape_names(list(updates))}
    return _update(tree, raw_updates, read, b"")


def _update(
    part: Content | None, updates: _Updates, read: ReadObject, place: bytes
) -> EncodedDirectory:
    data = None if part is None else read_object(part, read)
    if data is not None and is_bucketed(data):
        return _update_buckets(data, updates, read, place)
    entries = [] if data is None else raw_entries(read_part(data, read, place))
    by_name: dict[bytes, RawEntry | None] = {entry.name: entry for entry in entries}
    by_name |= updates
    return encode_part([entry for entry in by_name.values() if entry is not None], len(place))


def _update_buckets(
    data: bytes, updates: _Updates, read: ReadObject, place: bytes
) -> EncodedDirectory:
    contents = {bucket.index: bucket.content for bucket in decode_buckets(data)}
    changed: dict[Digest, bytes] = {}
    for index, part in sorted(_split(updates, len(place)).items()):
        inner = _update(contents.pop(index, None), part, read, place_below(place, index))
        if inner.data != TREE_HEADER:
            contents[index] = inner.content
            changed |= {digest_of(each): each for each in (*inner.buckets, inner.data)}

    def read_changed(content: Content) -> bytes:
        return changed.get(content.digest) or read(content)

    if None in updates.values():
        few = _read_if_few(contents, read_changed, place)
        if few is not None:
            return encode_part(raw_entries(few), len(place))
    return EncodedDirectory(data=encode_buckets(contents), buckets=tuple(changed.values()))


def _split(updates: _Updates, depth: int) -> dict[int, dict[bytes, RawEntry | None]]:
    parts: defaultdict[int, dict[bytes, RawEntry | None]] = defaultdict(dict)
    for raw, entry in updates.items():
        parts[blake3(raw).digest()[depth]][raw] = entry
    return parts


def _read_if_few(
    contents: Mapping[int, Content], read: ReadObject, place: bytes
) -> list[TreeEntry] | None:
    """Return all entries of buckets, None when one object would not hold them."""
    entries: list[TreeEntry] = []
    for index, content in contents.items():
        entries += read_part(read_object(content, read), read, place_below(place, index))
        if len(entries) > MAX_PLAIN_ENTRIES:
            return None
    return entries
