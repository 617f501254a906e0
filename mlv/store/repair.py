"""Put damaged packs and whole objects right, as far as their own bytes and copies allow.

What is good is published first, then what is damaged goes to the quarantine. Nothing is
deleted. Whoever calls this holds the store alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from mlv.core.digest import Digest, parse_digest
from mlv.store.check import DamagedFile
from mlv.store.copy_records import salvage_record
from mlv.store.layout import Layout
from mlv.store.object_writer import ObjectWriter
from mlv.store.pack_file import DamagedPackError, PackFile
from mlv.store.pack_format import PackEntry
from mlv.store.pack_writer import PackWriter
from mlv.store.packs import PackSet, list_packs
from mlv.store.quarantine import list_quarantined_packs, quarantine_pack
from mlv.store.stable_read import hash_file
from mlv.store.stat_cache import StatCache
from mlv.store.trash import Trash, digest_of_name, list_named
from mlv.store.whole import WholeObjects


def put_aside(layout: Layout, damaged: Iterable[DamagedFile]) -> None:
    """Copy the good records of damaged packs, then move these and damaged objects away.

    Raises:
        OSError: The disk is full or failing; no good record is gone.
    """
    files = list(damaged)
    packs = [each.path for each in files if each.path.is_relative_to(layout.packs)]
    _copy_good(layout, packs)
    whole = WholeObjects(layout)
    for each in files:
        if each.path in packs:
            quarantine_pack(layout, each.path)
        else:
            whole.quarantine(Digest(digest_of_name(each.path).hex()))
    whole.sync()


def copy_from_elsewhere(layout: Layout, wanted: Collection[bytes]) -> None:
    """Fetch good copies of objects out of the quarantine and the trash.

    Raises:
        OSError: The disk is full or failing.
    """
    trash = Trash(layout)
    packs = [*list_quarantined_packs(layout), *trash.list_packs()]
    writer = PackWriter(layout)
    try:
        for path in packs:
            _copy_records(PackFile(path, keep_open=False), writer, wanted.__contains__)
        writer.publish()
    finally:
        writer.discard()
    for path in trash.list_whole():
        if digest_of_name(path) in wanted and hash_file(path).digest == digest_of_name(path).hex():
            trash.restore(path)
    whole = WholeObjects(layout)
    for path in layout.quarantine.iterdir():
        name = path.name.partition(".")[0]
        if _is_digest(name) and bytes.fromhex(name) in wanted and hash_file(path).digest == name:
            with path.open("rb") as file:
                whole.write(file, expected=name)
    whole.sync()


@contextmanager
def refilling(layout: Layout) -> Iterator[ObjectWriter]:
    """Yield a writer that adds what is not there any more; it believes nothing of before.

    Raises:
        OSError: The disk is full or failing.
    """
    with closing(StatCache(layout.cache / "stat.sqlite")) as cache:
        cache.forget_stored()
        writer = ObjectWriter(layout, PackSet(layout), cache)
        try:
            yield writer
            writer.publish()
        finally:
            writer.discard()


def find_good(layout: Layout, damaged: Iterable[DamagedFile]) -> set[bytes]:
    """Return the digests of which a good copy, or a good recipe, is there.

    Args:
        layout: The store.
        damaged: What `check_files` found.

    Raises:
        OSError: The disk is failing.
    """
    lost = {each.path: {bytes.fromhex(digest) for digest in each.lost} for each in damaged}
    good = {digest_of_name(path) for path in list_named(layout.objects) if path not in lost}
    for path in list_packs(layout):
        with suppress(DamagedPackError):
            digests = PackFile(path, keep_open=False).index.digests()
            good.update(digest for digest in digests if digest not in lost.get(path, ()))
    return good


def _copy_good(layout: Layout, packs: Collection[Path]) -> None:
    writer = PackWriter(layout)
    try:
        for path in packs:
            _copy_records(PackFile(path, keep_open=False), writer, lambda _: True)
        writer.publish()
    finally:
        writer.discard()


def _copy_records(pack: PackFile, writer: PackWriter, is_wanted: Callable[[bytes], bool]) -> None:
    for entry in _list_entries(pack):
        if is_wanted(entry.digest):
            with suppress(DamagedPackError):
                salvage_record(pack, entry, writer)


def _list_entries(pack: PackFile) -> list[PackEntry]:
    try:
        return list(pack.read_index().entries())
    except DamagedPackError:
        return list(pack.scan())


def _is_digest(text: str) -> bool:
    try:
        parse_digest(text)
    except ValueError:
        return False
    return True
