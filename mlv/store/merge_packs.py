"""Merge small packs into larger ones, so that a store of many transactions stays quick.

The new packs are durable before the old ones are removed, so that a reader finds each
object in one or the other at every moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from mlv.errors import LockedError, StorageError
from mlv.store.copy_records import add_once, read_verified
from mlv.store.layout import Layout
from mlv.store.lock import exclusive_lock
from mlv.store.pack_file import DamagedPackError, PackFile
from mlv.store.pack_format import PackEntry
from mlv.store.pack_writer import PackWriter
from mlv.store.packs import list_packs

SMALL_PACK_BYTES = 4 << 20
"""A pack below that is worth merging."""

MOST_SMALL_PACKS = 32
"""More small packs than this are merged when a transaction ends."""


def find_small(packs: Sequence[PackFile]) -> list[PackFile]:
    """Return the packs that are worth merging, or too few to bother."""
    small = []
    for pack in packs:
        with suppress(FileNotFoundError):
            if pack.size_bytes < SMALL_PACK_BYTES:
                small.append(pack)
    return small


def merge_when_many(layout: Layout, packs: Sequence[PackFile]) -> bool:
    """Merge small packs if there are too many of them, and tell whether that was done.

    A disk that is full only puts it off. The caller holds the lock of the store, shared
    or alone.

    Args:
        layout: The store.
        packs: Its packs, as far as the caller knows them.
    """
    if len(find_small(packs)) <= MOST_SMALL_PACKS:
        return False
    with suppress(OSError, StorageError):
        return merge_small_packs(layout) > 0
    return False


def merge_small_packs(layout: Layout) -> int:
    """Merge all small packs, and return how many there were; 0 if another process does it.

    Damaged packs stay as they are. The caller holds the lock of the store, shared or alone.

    Raises:
        OSError: The disk is full or failing; no object is gone.
    """
    try:
        with exclusive_lock(layout.root / "merge-lock", purpose="merging packs"):
            packs = [PackFile(path, keep_open=False) for path in list_packs(layout)]
            return _merge(layout, find_small(packs))
    except LockedError:
        return 0


def _merge(layout: Layout, packs: Sequence[PackFile]) -> int:
    writer = PackWriter(layout)
    merged: list[PackFile] = []
    try:
        for pack in packs:
            with suppress(DamagedPackError, FileNotFoundError):
                # All of it is read before any of it is written: a damaged pack leaves nothing.
                for entry, payload in _read_all(pack):
                    add_once(entry, payload, writer)
                merged.append(pack)
        if len(merged) < 2:  # noqa: PLR2004 - one pack is merged with none
            return 0
        writer.publish()
    finally:
        writer.discard()
    for pack in merged:
        pack.path.unlink(missing_ok=True)
    return len(merged)


def _read_all(pack: PackFile) -> list[tuple[PackEntry, bytes]]:
    entries = sorted(pack.read_index().entries(), key=lambda entry: entry.offset)
    return [(entry, read_verified(pack, entry)) for entry in entries]
