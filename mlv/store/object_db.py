"""The pile of whole objects on this disk, as an `ObjectDB` of dvc-objects.

The write path of dvc-objects 5.2 is replaced: it hashes before it copies,
reflinks over the final name, publishes partial downloads, never syncs, and
believes in any file that is there, whatever its size.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from blake3 import blake3
from dvc_objects.db import ObjectDB
from dvc_objects.fs.base import FileSystem
from dvc_objects.fs.local import LocalFileSystem

from mlv.core.digest import Digest, digest_of, parse_digest
from mlv.core.run import Content
from mlv.errors import CorruptDataError
from mlv.store.durable import sync_directory, write_all
from mlv.store.layout import Layout

_BLOCK = 1 << 20
_OBJECT_MODE = 0o444


class LocalObjectDB(ObjectDB):
    """Objects in `objects/<2>/<62>`, each written whole, synced, and then linked.

    Any number of processes may add to one pile at the same time. An object that
    was added is certain to survive a crash once `sync` has returned.
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__(LocalFileSystem(), str(layout.objects))
        self._layout = layout
        self._unsynced: set[Path] = set()

    def write(self, source: BinaryIO, *, expected: str | None = None) -> Content:
        """Store what `source` has left to read; hash it while it is copied.

        Args:
            source: Where the bytes come from.
            expected: The digest that they must have; None for any.

        Raises:
            CorruptDataError: They have another digest; nothing was published.
            OSError: The disk is full or failing; nothing was published.
        """
        first = _read_block(source)
        if len(first) < _BLOCK:
            # Most objects are small, and most of those are there already.
            known = Content(digest=digest_of(first), size_bytes=len(first))
            _check(known, expected)
            if self._is_known(known):
                return known
        temporary = self._layout.temporary / f"{os.getpid()}.{secrets.token_hex(8)}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            try:
                content = _copy(first, source, descriptor)
                _check(content, expected)
                if self._is_known(content):
                    return content
                os.fchmod(descriptor, _OBJECT_MODE)
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)
            self._publish(temporary, content)
        finally:
            temporary.unlink(missing_ok=True)
        return content

    def sync(self) -> None:
        """Wait until everything that was added is on the disk."""
        while self._unsynced:
            sync_directory(self._unsynced.pop())

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
        away = self._quarantine_name(digest)
        path = self._layout.object_file(digest)
        path.rename(away)
        self._unsynced.add(path.parent)
        return away

    def _is_known(self, content: Content) -> bool:
        if not self.exists(content.digest, content.size_bytes):
            return False
        # Who made it may not have synced the directories yet.
        self._sync_later(self._layout.object_file(content.digest))
        return True

    def _sync_later(self, final: Path) -> None:
        self._unsynced |= {final.parent, final.parent.parent}

    def _publish(self, temporary: Path, content: Content) -> None:
        final = self._layout.object_file(content.digest)
        final.parent.mkdir(exist_ok=True)
        self._sync_later(final)
        try:
            final.hardlink_to(temporary)
        except FileExistsError:
            if not self.exists(content.digest, content.size_bytes):
                # Not through `quarantine`: another process may be mending the same object.
                self._quarantine_name(content.digest).hardlink_to(final)
                temporary.replace(final)

    def _quarantine_name(self, digest: Digest) -> Path:
        self._unsynced.add(self._layout.quarantine)
        return self._layout.quarantine / f"{digest}.{secrets.token_hex(4)}"


def _check(content: Content, expected: str | None) -> None:
    if expected not in (None, content.digest):
        message = f"the bytes for object {expected} have the digest {content.digest}"
        raise CorruptDataError(message)


def _read_block(source: BinaryIO) -> bytes:
    """Read a whole block, however little the stream gives at a time; less only at its end."""
    block = source.read(_BLOCK)
    while len(block) < _BLOCK and (more := source.read(_BLOCK - len(block))):
        block += more
    return block


def _copy(first: bytes, source: BinaryIO, descriptor: int) -> Content:
    hasher = blake3()
    size_bytes = 0
    block = first
    while block:
        hasher.update(block)
        write_all(descriptor, block)
        size_bytes += len(block)
        block = source.read(_BLOCK)
    return Content(digest=Digest(hasher.hexdigest()), size_bytes=size_bytes)
