"""Check the files of a store: packs and whole objects, by their headers or to the last byte."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec

from mlv.core.digest import Digest
from mlv.store.copy_records import read_verified
from mlv.store.layout import Layout
from mlv.store.pack_file import DamagedPackError, PackFile
from mlv.store.pack_format import (
    HEADER_BYTES,
    PackEntry,
    index_bytes,
)
from mlv.store.packs import list_packs
from mlv.store.stable_read import hash_file
from mlv.store.trash import digest_of_name, list_named
from mlv.store.workers import count_workers, run_in_workers

Thoroughness = Literal["headers", "bytes"]
"""Whether every byte is read, or headers and indexes only."""

_FEW = 4


class DamagedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A pack or a whole object that is not as it was written.

    Attributes:
        path: The file.
        problems: What is wrong with it.
        lost: The objects that cannot be read from it, as far as they are known.
    """

    path: Path
    problems: tuple[str, ...]
    lost: tuple[Digest, ...] = ()


def check_files(
    layout: Layout, thoroughness: Thoroughness, done: Callable[[int], None]
) -> list[DamagedFile]:
    """Return every damaged pack and whole object.

    Args:
        layout: The store.
        thoroughness: How closely to look.
        done: Is told how many bytes have been dealt with, now and then.

    Raises:
        StorageError: The disk is failing.
        OSError: Likewise.
    """
    packs = list(list_packs(layout))
    whole = list(list_named(layout.objects)) if thoroughness == "bytes" else []
    tasks = [(path, thoroughness) for path in (*packs, *whole)]
    damaged: list[DamagedFile] = []

    def take(result: tuple[int, DamagedFile | None]) -> Iterable[tuple[Path, Thoroughness]]:
        n_bytes, found = result
        done(n_bytes)
        if found is not None:
            damaged.append(found)
        return ()

    n_workers = count_workers()
    if n_workers == 1 or len(tasks) < _FEW or thoroughness == "headers":
        for task in tasks:
            take(_check(task))
    else:
        run_in_workers(tasks, _worker, take, n_workers=n_workers)
    return sorted(damaged, key=lambda each: each.path)


def measure_files(layout: Layout) -> int:
    """Return how many bytes `check_files` has to deal with when it reads them all.

    Raises:
        OSError: The store cannot be read.
    """
    return sum(path.stat().st_size for path in (*list_packs(layout), *list_named(layout.objects)))


def check_pack(path: Path, thoroughness: Thoroughness) -> DamagedFile | None:
    """Return what is wrong with a pack, None if nothing is.

    Raises:
        OSError: The disk is failing.
    """
    pack = PackFile(path)
    problems = [] if _is_right(pack.has_header) else ["its header is damaged"]
    entries = _read_entries(pack, problems)
    lost = []
    for entry in entries:
        problem = _check_record(pack, entry, thoroughness)
        if problem is not None:
            lost.append(Digest(entry.digest.hex()))
            problems.append(problem)
    is_thorough = thoroughness == "bytes" and not problems
    if is_thorough and not _is_right(lambda: pack.digest() == pack.name):
        problems.append("its bytes have another digest than its name says")
    if not problems:
        return None
    return DamagedFile(path=path, problems=tuple(problems), lost=tuple(lost))


def _is_right(look: Callable[[], bool]) -> bool:
    """Tell what `look` finds; what the disk cannot read is not right."""
    try:
        return look()
    except DamagedPackError:
        return False


@contextmanager
def _worker() -> Iterator[Callable[[tuple[Path, Thoroughness]], tuple[int, DamagedFile | None]]]:
    yield _check


def _check(task: tuple[Path, Thoroughness]) -> tuple[int, DamagedFile | None]:
    path, thoroughness = task
    try:
        n_bytes = path.stat().st_size
        is_pack = path.parent.parent.name == "packs"
        return n_bytes, check_pack(path, thoroughness) if is_pack else _check_whole(path)
    except FileNotFoundError:  # merged into another one meanwhile
        return 0, None


def _check_whole(path: Path) -> DamagedFile | None:
    digest = Digest(digest_of_name(path).hex())
    try:
        if hash_file(path).digest == digest:
            return None
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return DamagedFile(path=path, problems=("the disk cannot read it",), lost=(digest,))
    return DamagedFile(
        path=path, problems=("its bytes have another digest than its name says",), lost=(digest,)
    )


def _read_entries(pack: PackFile, problems: list[str]) -> list[PackEntry]:
    try:
        index = pack.read_index()
    except DamagedPackError as error:
        problems.append(str(error))
        return list(pack.scan())
    entries = sorted(index.entries(), key=lambda entry: entry.offset)
    ends = [HEADER_BYTES, *(entry.end for entry in entries)]
    starts = [*(entry.offset for entry in entries), pack.size_bytes - index_bytes(len(entries))]
    if starts != ends:
        problems.append("its records do not follow one another")
    return entries


def _check_record(pack: PackFile, entry: PackEntry, thoroughness: Thoroughness) -> str | None:
    try:
        if thoroughness == "bytes":
            read_verified(pack, entry)
        else:
            pack.check_header(entry)
    except DamagedPackError as error:
        return str(error)
    return None
