"""Sweep: throw away the objects that nothing needs.

A pack without a needed object goes to the trash as it is. Of a pack with some, the needed
records are copied into a new pack first, which is durable before the old one is moved.
Packs that are damaged stay where they are.

Whoever calls this holds the store alone.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import msgspec

from mlv.store.copy_records import copy_record
from mlv.store.durable import sync_directory
from mlv.store.layout import Layout
from mlv.store.merge_packs import SMALL_PACK_BYTES
from mlv.store.pack_file import DamagedPackError, PackFile
from mlv.store.pack_format import RECORD_BYTES, PackEntry, PackIndex
from mlv.store.pack_writer import PackWriter
from mlv.store.packs import list_packs
from mlv.store.trash import Trash, digest_of_name, list_named

_WORTH_IT = 0.25
"""A larger pack is written anew when so much of it is garbage."""


class DeadPack(msgspec.Struct, frozen=True, kw_only=True):
    """A pack with garbage in it.

    Attributes:
        pack: The pack.
        live: The records that are needed.
        n_dead: How many objects are not.
        dead_bytes: How much room these take.
    """

    pack: PackFile
    live: tuple[PackEntry, ...]
    n_dead: int
    dead_bytes: int


class DeadObject(msgspec.Struct, frozen=True, kw_only=True):
    """A whole object that is not needed."""

    path: Path
    size_bytes: int


class SweepPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be thrown away, and what brought back.

    Attributes:
        packs: Packs that go to the trash when their needed records are copied.
        objects: Whole objects that go to the trash.
        needed: Files in the trash that are needed after all.
        missing: Digests that are needed and nowhere.
        damaged: Packs that cannot be trusted, so that nothing in them is touched.
    """

    packs: tuple[DeadPack, ...]
    objects: tuple[DeadObject, ...]
    needed: tuple[Path, ...]
    missing: frozenset[bytes]
    damaged: tuple[PackFile, ...]

    @property
    def n_dead(self) -> int:
        """How many objects are garbage."""
        return sum(each.n_dead for each in self.packs) + len(self.objects)

    @property
    def dead_bytes(self) -> int:
        """How much room the garbage takes."""
        packed = sum(each.dead_bytes for each in self.packs)
        return packed + sum(found.size_bytes for found in self.objects)


def plan_sweep(layout: Layout, live: Collection[bytes]) -> SweepPlan:
    """Find what is garbage.

    Args:
        layout: The store.
        live: Digests of all objects that are needed: a set or a dictionary.

    Raises:
        OSError: The disk is failing.
    """
    packs: list[DeadPack] = []
    damaged: list[PackFile] = []
    present: set[bytes] = set()
    for path in list_packs(layout):
        pack = PackFile(path, keep_open=False)
        try:
            index = pack.read_index()
        except DamagedPackError:
            damaged.append(pack)
            present.update(pack.index.digests())
            continue
        digests = index.digests()
        present.update(digests)
        n_dead = sum(digest not in live for digest in digests)
        if n_dead:
            packs.append(_split(pack, index, live))
    whole = list(list_named(layout.objects))
    present.update(map(digest_of_name, whole))
    needed, missing = _find_in_trash(layout, live, present)
    return SweepPlan(
        packs=tuple(each for each in packs if _is_worth_it(each)),
        objects=tuple(_dead_object(path) for path in whole if digest_of_name(path) not in live),
        needed=needed,
        missing=missing,
        damaged=tuple(damaged),
    )


def apply_sweep(layout: Layout, plan: SweepPlan, *, now_s: int) -> SweepPlan:
    """Throw away what a plan says, and return the plan as far as it was carried out.

    A pack of which a needed record cannot be copied stays, and counts as damaged.
    Killed at any moment, nothing that is needed is gone.

    Raises:
        OSError: The disk is full or failing.
    """
    trash = Trash(layout)
    dead, kept = _copy_live(layout, plan.packs)
    for each in dead:
        trash.throw(each.pack.path, now_s=now_s)
    for found in plan.objects:
        trash.throw(found.path, now_s=now_s)
    sync_directory(layout.trash)
    damaged = (*plan.damaged, *(each.pack for each in kept))
    return msgspec.structs.replace(plan, packs=tuple(dead), damaged=damaged)


def restore_needed(layout: Layout, plan: SweepPlan) -> None:
    """Bring back from the trash what is needed after all.

    Raises:
        OSError: The disk is full or failing.
    """
    trash = Trash(layout)
    for path in plan.needed:
        trash.restore(path)


def _split(pack: PackFile, index: PackIndex, live: Collection[bytes]) -> DeadPack:
    dead_bytes = n_dead = 0
    needed = []
    for entry in index.entries():
        if entry.digest in live:
            needed.append(entry)
        else:
            n_dead += 1
            dead_bytes += RECORD_BYTES + entry.stored
    return DeadPack(pack=pack, live=tuple(needed), n_dead=n_dead, dead_bytes=dead_bytes)


def _is_worth_it(found: DeadPack) -> bool:
    size_bytes = found.pack.size_bytes
    is_small = size_bytes < SMALL_PACK_BYTES
    return not found.live or is_small or found.dead_bytes > _WORTH_IT * size_bytes


def _dead_object(path: Path) -> DeadObject:
    return DeadObject(path=path, size_bytes=path.stat().st_size)


def _find_in_trash(
    layout: Layout, live: Collection[bytes], present: set[bytes]
) -> tuple[tuple[Path, ...], frozenset[bytes]]:
    """Return the files in the trash that hold what is needed, and what is nowhere."""
    missing = {digest for digest in live if digest not in present}
    needed = []
    trash = Trash(layout)
    for path in trash.list_packs() if missing else ():
        found = missing.intersection(PackFile(path, keep_open=False).index.digests())
        if found:
            needed.append(path)
            missing -= found
    for path in trash.list_whole() if missing else ():
        digest = digest_of_name(path)
        if digest in missing:
            needed.append(path)
            missing.remove(digest)
    return tuple(needed), frozenset(missing)


def _copy_live(
    layout: Layout, packs: Collection[DeadPack]
) -> tuple[list[DeadPack], list[DeadPack]]:
    """Copy the needed records of all packs; return those that can go, and those that cannot."""
    writer = PackWriter(layout)
    dead: list[DeadPack] = []
    kept: list[DeadPack] = []
    try:
        for each in packs:
            try:
                for entry in sorted(each.live, key=_by_offset):
                    copy_record(each.pack, entry, writer)
            except DamagedPackError:
                kept.append(each)
            else:
                dead.append(each)
        writer.publish()
    finally:
        writer.discard()
    return dead, kept


def _by_offset(entry: PackEntry) -> int:
    return entry.offset
