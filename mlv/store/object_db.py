"""The pile of whole objects on this disk, as an `ObjectDB` of dvc-objects.

The write path of dvc-objects 5.2 is replaced: it hashes before it copies,
reflinks over the final name, publishes partial downloads, never syncs, and
believes in any file that is there, whatever its size.
"""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from dvc_objects.db import ObjectDB
from dvc_objects.fs.base import FileSystem
from dvc_objects.fs.local import LocalFileSystem

from mlv.core.digest import Digest, digest_of, parse_digest
from mlv.core.run import Content
from mlv.store.layout import Layout
from mlv.store.whole import WholeObjects


class LocalObjectDB(ObjectDB):
    """Objects in `objects/<2>/<62>`, as `WholeObjects` writes them.

    Any number of processes may add to one pile at the same time. An object that
    was added is certain to survive a crash once `sync` has returned.
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__(LocalFileSystem(), str(layout.objects))
        self._layout = layout
        self._whole = WholeObjects(layout)

    def write(self, source: BinaryIO, *, expected: str | None = None) -> Content:
        """Store what `source` has left to read; hash it while it is copied.

        Args:
            source: Where the bytes come from.
            expected: The digest that they must have; None for any.

        Raises:
            CorruptDataError: They have another digest; nothing was published.
            OSError: The disk is full or failing; nothing was published.
        """
        return self._whole.write(source, expected=expected)

    def sync(self) -> None:
        """Wait until everything that was added is on the disk."""
        self._whole.sync()

    def exists(self, oid: str, size_bytes: int | None = None) -> bool:
        """Tell whether an object is there, with the size that it must have.

        Without a size, only a file that is empty without reason is disbelieved.
        """
        try:
            found = self._layout.object_file(parse_digest(oid)).stat().st_size
        except FileNotFoundError:
            return False
        if size_bytes is None:
            return found > 0 or oid == digest_of(b"")
        return found == size_bytes

    def oids_exist(
        self, oids: Iterable[str], jobs: int | None = None, progress: object = None
    ) -> list[str]:
        """Return those of `oids` that are there."""
        return [oid for oid in oids if self.exists(oid)]

    def add_bytes(self, oid: str, data: bytes | BinaryIO) -> None:
        """Store bytes whose digest is already known.

        Raises:
            CorruptDataError: The bytes have another digest; nothing was published.
            OSError: The disk is full or failing; nothing was published.
        """
        self.write(BytesIO(data) if isinstance(data, bytes) else data, expected=oid)

    def add(
        self,
        path: str | list[str],
        fs: FileSystem,
        oid: str | list[str],
        *_args: Any,
        **_kwargs: Any,
    ) -> int:
        """Store files of any file system under digests that are already known.

        Returns:
            How many were not there before, with the size of the file.

        Raises:
            CorruptDataError: A file has another digest; it was not published.
            OSError: The disk is full or failing.
        """
        paths = [path] if isinstance(path, str) else path
        oids = [oid] if isinstance(oid, str) else oid
        new = [(p, o) for p, o in zip(paths, oids, strict=True) if not self.exists(o, fs.size(p))]
        for each, digest in new:
            with fs.open(each, "rb") as file:
                self.write(file, expected=digest)
        return len(new)

    def delete(self, oid: str) -> None:
        """Move an object to quarantine; nothing is ever deleted outright."""
        self.quarantine(parse_digest(oid))

    def quarantine(self, digest: Digest) -> Path:
        """Move the file of a damaged object out of the way, and return where it is now."""
        return self._whole.quarantine(digest)
