"""Every implementation of dvc-objects' `ObjectDB`, as the contract tests see it.

A new one is added to `BUILDERS`; it must then pass tests/contract/test_object_db.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from dvc_objects.db import ObjectDB

from mlv.core.digest import Digest
from mlv.store.layout import Layout, create_store
from mlv.store.object_db import LocalObjectDB


class PileUnderTest(Protocol):
    """An object database, and what a test must be able to do behind its back."""

    @property
    def db(self) -> ObjectDB:
        """The database."""

    def damage(self, oid: str, data: bytes) -> None:
        """Put `data` where the bytes of an object belong."""

    def quarantined(self) -> list[bytes]:
        """Return what was moved out of the way."""

    def leftovers(self) -> list[str]:
        """Return names of files that are neither objects nor in quarantine."""


class LocalPile:
    """Whole objects in a store on this disk."""

    def __init__(self, directory: Path) -> None:
        self._layout: Layout = create_store(directory / ".mlv", clone_id="c0ffee")
        self.db: ObjectDB = LocalObjectDB(self._layout)

    def damage(self, oid: str, data: bytes) -> None:
        """Put `data` where the bytes of an object belong."""
        path = self._layout.object_file(Digest(oid))
        path.unlink()
        path.write_bytes(data)

    def quarantined(self) -> list[bytes]:
        """Return what was moved out of the way."""
        return [path.read_bytes() for path in self._layout.quarantine.iterdir()]

    def leftovers(self) -> list[str]:
        """Return names of files that are neither objects nor in quarantine."""
        return [path.name for path in self._layout.temporary.iterdir()]


BUILDERS: Mapping[str, Callable[[Path], PileUnderTest]] = {"local": LocalPile}
