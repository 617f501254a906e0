"""All packs of one store: in which one an object is, and what it holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from mlv.store.durable import sync_directory
from mlv.store.layout import Layout
from mlv.store.pack_file import DamagedPackError, PackFile
from mlv.store.pack_format import PackEntry

_N_OPEN = 128
_MANY = 512
_NUMBER_BITS = 32
_NUMBER_MASK = (1 << _NUMBER_BITS) - 1
_NAME = re.compile("[0-9a-f]{64}")


class Location(msgspec.Struct, frozen=True):
    """A record, and the pack that it is in."""

    pack: PackFile
    entry: PackEntry


class PackSet:
    """The packs of a store, as they were when they were last listed.

    Packs never change, but may be merged into others at any time by another process;
    `refresh` then finds the new ones.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._packs: list[PackFile] | None = None
        self._all: dict[bytes, int] | None = None
        self._n_lookups = 0
        self._used: set[Path] = set()
        self._synced: set[Path] = set()

    @property
    def packs(self) -> list[PackFile]:
        """The packs, listed when they are first asked for."""
        if self._packs is None:
            self._packs = _open_all(list(list_packs(self._layout)), {})
        return self._packs

    def refresh(self) -> bool:
        """List the packs again, and tell whether there are other ones now."""
        known = {pack.path: pack for pack in self.packs}
        found = list(list_packs(self._layout))
        if known.keys() == set(found):
            return False
        self._packs = _open_all(found, known)
        self._all = None
        return True

    def add(self, paths: Iterable[Path]) -> None:
        """Take note of packs that were just published."""
        new = [PackFile(path) for path in paths]
        self._synced.update(pack.path for pack in new)
        if new:
            self._packs = [*self.packs, *new]
            self._all = None

    def load(self) -> None:
        """Put all digests into one table: worth it before many lookups."""
        self._all = {
            digest: number << _NUMBER_BITS | place
            for number, pack in enumerate(self.packs)
            for place, digest in enumerate(self._digests(pack))
        }

    def find(self, digest: bytes) -> Location | None:
        """Return a record of an object, None when no pack holds one."""
        self._n_lookups += 1
        if self._all is None and self._n_lookups > _MANY:
            self.load()
        if self._all is None:
            return next(self.find_all(digest), None)
        found = self._all.get(digest)
        if found is None:
            return None
        pack = self.packs[found >> _NUMBER_BITS]
        return Location(pack, pack.index.entry(found & _NUMBER_MASK))

    def find_missing(self, digests: set[bytes]) -> set[bytes]:
        """Return those of many digests that no pack holds."""
        if self._all is None:
            self.load()
        return digests.difference(self._all or {})

    def use(self, digest: bytes) -> Location | None:
        """Do what `find` does for somebody who will refer to the object.

        Whoever published the pack may not have synced its directory yet: `sync_used` does.
        """
        found = self.find(digest)
        if found is not None:
            self._used.add(found.pack.path)
        return found

    def sync_used(self) -> None:
        """Wait until the names of all packs that are used are on the disk.

        Raises:
            OSError: The disk is failing.
        """
        unsynced = self._used - self._synced
        for directory in {path.parent for path in unsynced}:
            sync_directory(directory)
        if unsynced:
            sync_directory(self._layout.packs)
        self._synced |= unsynced
        self._used.clear()

    def find_all(self, digest: bytes) -> Iterator[Location]:
        """Yield every record of an object: a damaged one may have a whole copy."""
        for pack in self.packs:
            found = self._find_in(pack, digest)
            if found is not None:
                yield found

    def __contains__(self, digest: bytes) -> bool:
        """Tell whether a pack holds an object."""
        if self._all is not None:
            return digest in self._all
        return self.find(digest) is not None

    def _find_in(self, pack: PackFile, digest: bytes) -> Location | None:
        try:
            entry = pack.index.find(digest)
        except (FileNotFoundError, DamagedPackError):
            return None
        return None if entry is None else Location(pack, entry)

    def _digests(self, pack: PackFile) -> list[bytes]:
        try:
            return pack.index.digests()
        except (FileNotFoundError, DamagedPackError):
            return []


def _open_all(paths: list[Path], known: Mapping[Path, PackFile]) -> list[PackFile]:
    keep_open = len(paths) <= _N_OPEN
    return [known.get(path) or PackFile(path, keep_open=keep_open) for path in paths]


def list_packs(layout: Layout) -> Iterator[Path]:
    """Yield the files of all packs, in the order of their names.

    Raises:
        OSError: The directory cannot be read.
    """
    try:
        shards = sorted(layout.packs.iterdir())
    except FileNotFoundError:  # tools that copy files drop empty directories
        return
    for shard in shards:
        try:
            found = sorted(shard.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            continue
        yield from (path for path in found if _NAME.fullmatch(shard.name + path.name))
