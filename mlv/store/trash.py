"""The trash: packs and whole objects that nothing named when garbage was collected last.

`trash/<seconds since 1970>/` holds what was moved there at that moment, under the path
that it had in the store. What is in the trash can still be read, and is moved back when
it turns out to be needed.

Source: docs/reference/store-format.md, "Files".
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from mlv.core.digest import Digest
from mlv.store.durable import sync_directory
from mlv.store.layout import Layout
from mlv.store.owner import give_to_owner

_BATCH = re.compile("[0-9]{1,12}")
_SHARD = re.compile("[0-9a-f]{2}")
_REST = re.compile("[0-9a-f]{62}")


class Trash:
    """What was thrown away, and not deleted yet.

    Reading from it needs no lock; whoever changes it holds the store alone.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def batches(self) -> list[Path]:
        """Return the directories of what was moved here at one moment, newest first.

        Raises:
            OSError: The trash cannot be read.
        """
        names = sorted(_list(self._layout.trash, _BATCH), key=int, reverse=True)
        return [self._layout.trash / name for name in names]

    def list_packs(self) -> list[Path]:
        """Return all packs in the trash, the newest first.

        Raises:
            OSError: The trash cannot be read.
        """
        return [pack for batch in self.batches() for pack in list_named(batch / "packs")]

    def list_whole(self) -> list[Path]:
        """Return all whole objects in the trash, the newest first.

        Raises:
            OSError: The trash cannot be read.
        """
        return [found for batch in self.batches() for found in list_named(batch / "objects")]

    def find_whole(self, digest: Digest) -> Path | None:
        """Return the file of a whole object that was thrown away, None when there is none.

        Raises:
            OSError: The trash cannot be read.
        """
        for batch in self.batches():
            path = batch / "objects" / digest[:2] / digest[2:]
            if path.exists():
                return path
        return None

    def throw(self, path: Path, *, now_s: int) -> None:
        """Move a file of the store here.

        Raises:
            OSError: The disk is full or failing.
        """
        away = self._layout.trash / str(now_s) / path.relative_to(self._layout.root)
        self._make_parents(away)
        path.replace(away)

    def restore(self, path: Path) -> Path:
        """Move a file of the trash back to its place, durably, and return that.

        Raises:
            OSError: The disk is full or failing.
        """
        place = self._layout.root.joinpath(*path.relative_to(self._layout.trash).parts[1:])
        self._make_parents(place)
        path.replace(place)
        for directory in (place.parent, place.parent.parent):
            sync_directory(directory)
        return place

    def empty(self, *, before_s: int) -> None:
        """Delete what was thrown away at that moment or earlier.

        Raises:
            OSError: The disk is failing.
        """
        for batch in self.expired(before_s=before_s):
            shutil.rmtree(batch)

    def expired(self, *, before_s: int) -> list[Path]:
        """Return the batches that `empty` deletes.

        Raises:
            OSError: The trash cannot be read.
        """
        return [batch for batch in self.batches() if int(batch.name) <= before_s]

    def _make_parents(self, path: Path) -> None:
        for directory in reversed(path.relative_to(self._layout.root).parents):
            place = self._layout.root / directory
            if not place.is_dir():
                place.mkdir()
                give_to_owner(self._layout, place)


def list_named(directory: Path) -> Iterator[Path]:
    """Yield the files `<2>/<62>` below a directory, in the order of their names.

    Raises:
        OSError: The directory is there, but cannot be read.
    """
    for shard in _list(directory, _SHARD):
        place = directory / shard
        yield from (place / name for name in _list(place, _REST))


def digest_of_name(path: Path) -> bytes:
    """Return the digest that a file of `list_named` is named by, 32 bytes."""
    return bytes.fromhex(path.parent.name + path.name)


def _list(directory: Path, pattern: re.Pattern[str]) -> list[str]:
    try:
        with os.scandir(directory) as found:
            return sorted(each.name for each in found if pattern.fullmatch(each.name))
    except (FileNotFoundError, NotADirectoryError):
        return []
