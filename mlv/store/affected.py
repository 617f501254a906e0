"""Find out who is hurt by objects that are gone or damaged."""

from __future__ import annotations

from binascii import unhexlify
from collections import defaultdict
from collections.abc import Collection, Mapping
from contextlib import suppress

from mlv.core.digest import Digest
from mlv.core.run import Content
from mlv.errors import CorruptDataError, MissingObjectError
from mlv.store.layout import Layout
from mlv.store.objects import ObjectStore
from mlv.store.pack_file import DamagedPackError
from mlv.store.reach import Reached, list_entries, list_recipes
from mlv.store.recipes import decode_recipe


def find_affected(
    layout: Layout, objects: ObjectStore, reached: Reached, broken: Collection[bytes]
) -> dict[bytes, tuple[str, ...]]:
    """Return who needs each broken object, directly or through trees and recipes.

    Args:
        layout: The store.
        objects: Its objects.
        reached: All that is needed.
        broken: Digests of the objects that cannot be had.

    Raises:
        StorageError: The disk is failing.
    """
    if not broken:
        return {}
    parents = _find_parents(layout, objects, reached, broken)
    origins: dict[bytes, list[str]] = defaultdict(list)
    for root in reached.roots:
        origins[bytes.fromhex(root.content.digest)].append(root.origin)
    return {digest: _climb(digest, parents, origins) for digest in broken}


def find_blobs_of(layout: Layout, chunks: Collection[bytes]) -> dict[bytes, int]:
    """Return digest and size of the blobs whose recipes list some of `chunks`.

    Raises:
        OSError: The disk is failing.
    """
    blobs: dict[bytes, int] = {}
    wanted = frozenset(chunks)
    for pack, entry in list_recipes(layout):
        with suppress(FileNotFoundError, DamagedPackError, ValueError):
            recipe = decode_recipe(pack.read(entry), size=entry.size)
            if any(chunk.digest in wanted for chunk in recipe):
                blobs[entry.digest] = entry.size
    return blobs


def _find_parents(
    layout: Layout, objects: ObjectStore, reached: Reached, broken: Collection[bytes]
) -> dict[bytes, list[bytes]]:
    parents: dict[bytes, list[bytes]] = defaultdict(list)
    for pack, entry in list_recipes(layout):
        with suppress(FileNotFoundError, DamagedPackError, ValueError):
            for chunk in decode_recipe(pack.read(entry), size=entry.size):
                if chunk.digest in broken:
                    parents[chunk.digest].append(entry.digest)
    hurt = {*broken, *(blob for blobs in parents.values() for blob in blobs)}
    for digest, size in reached.trees.items():
        tree = Content(digest=Digest(digest.hex()), size_bytes=size)
        with suppress(CorruptDataError, MissingObjectError, ValueError):
            for _, child, _ in list_entries(objects.read(tree)):
                raw = unhexlify(child)
                if raw in hurt or raw in reached.trees:
                    parents[raw].append(digest)
    return parents


def _climb(
    digest: bytes, parents: Mapping[bytes, list[bytes]], origins: Mapping[bytes, list[str]]
) -> tuple[str, ...]:
    found: dict[str, None] = {}
    seen = {digest}
    below = [digest]
    while below:
        each = below.pop()
        found.update(dict.fromkeys(origins.get(each, ())))
        for parent in parents.get(each, ()):
            if parent not in seen:
                seen.add(parent)
                below.append(parent)
    return tuple(sorted(found))
