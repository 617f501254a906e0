"""Whole objects: the files in `objects/<2>/<62>`, each the raw bytes of one object.

They are there so that a worktree can share them, by reflink, hard link or symbolic link.
Each is written whole under a temporary name, synced, and then linked to its final name.

Source: docs/reference/store-format.md, "Whole objects".
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from blake3 import blake3

from mlv.core.digest import Digest, digest_of
from mlv.core.run import Content
from mlv.errors import CorruptDataError
from mlv.store.durable import sync_directory, write_all
from mlv.store.layout import Layout
from mlv.store.owner import give_to_owner
from mlv.store.stable_read import read_up_to

OBJECT_MODE = 0o444

_BLOCK = 1 << 20


class WholeObjects:
    """All whole objects of one store.

    Any number of processes may add to one pile at the same time. An object that
    was added is certain to survive a crash once `sync` has returned.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._unsynced: set[Path] = set()

    def find(self, content: Content) -> Path | None:
        """Return the file of an object, None when it is not there with its full size."""
        path = self.layout.object_file(content.digest)
        try:
            found = path.stat()
        except FileNotFoundError:
            return None
        return path if found.st_size == content.size_bytes else None

    def contains(self, content: Content) -> bool:
        """Tell whether an object is there with its full size."""
        return self.find(content) is not None

    def is_intact(self, content: Content) -> bool:
        """Tell whether an object is there, every byte of it as its digest says.

        Raises:
            OSError: It cannot be read.
        """
        try:
            descriptor = os.open(self.layout.object_file(content.digest), os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            return hash_descriptor(descriptor) == content
        finally:
            os.close(descriptor)

    def write(self, source: BinaryIO, *, expected: str | None = None) -> Content:
        """Store what `source` has left to read; hash it while it is copied.

        Args:
            source: Where the bytes come from.
            expected: The digest that they must have; None for any.

        Raises:
            CorruptDataError: They have another digest; nothing was published.
            OSError: The disk is full or failing; nothing was published.
        """
        first = read_up_to(source, _BLOCK)
        if len(first) < _BLOCK:
            # Most objects are small, and most of those are there already.
            known = Content(digest=digest_of(first), size_bytes=len(first))
            _check(known, expected)
            if self._is_known(known):
                return known
        return self.write_blocks(_blocks(first, source), expected=expected)

    def write_blocks(self, blocks: Iterable[bytes], *, expected: str | None = None) -> Content:
        """Store the bytes of all `blocks`, as `write` does."""
        with self.new_file() as (descriptor, temporary):
            content = _copy(blocks, descriptor)
            _check(content, expected)
            self.publish(descriptor, temporary, content)
        return content

    def provide(self, content: Content, blocks: Callable[[], Iterable[bytes]]) -> Path:
        """Return the file of an object, every byte verified.

        Args:
            content: The object.
            blocks: Gives its bytes; asked when the file is not there. When it is there but
                damaged, as by an edit through one of its links, it goes to quarantine.

        Raises:
            MissingObjectError, CorruptDataError: As `blocks`; nothing was published.
            OSError: The disk is full or failing; nothing was published.
        """
        final = self.layout.object_file(content.digest)
        if self.is_intact(content):
            return final
        with self.new_file() as (descriptor, temporary):
            _check(_copy(blocks(), descriptor), content.digest)
            self._finish(descriptor)
            self._prepare(content.digest)
            self._set_aside(content.digest)
            temporary.replace(final)
        return final

    @contextmanager
    def new_file(self) -> Iterator[tuple[int, Path]]:
        """Yield an empty file, and the name that it has until the block ends."""
        temporary = self.layout.new_temporary()
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            yield descriptor, temporary
        finally:
            os.close(descriptor)
            temporary.unlink(missing_ok=True)

    def publish(self, descriptor: int, temporary: Path, content: Content) -> None:
        """Make a file of `new_file` an object, unless the object is there already.

        One that is there but damaged goes to quarantine.

        Raises:
            OSError: The disk is full or failing; nothing was published.
        """
        if self._is_known(content):
            return
        self._finish(descriptor)
        final = self._prepare(content.digest)
        try:
            final.hardlink_to(temporary)
        except FileExistsError:
            if not self.is_intact(content):
                self._set_aside(content.digest)
                temporary.replace(final)

    def publish_descriptor(self, descriptor: int, content: Content) -> bool:
        """Give an open file, whatever its name, a second name as an object.

        The caller has made it read-only and synced it, and knows that nobody writes to it.

        Returns:
            False when it cannot be linked to: the object is there in some form, the file
            is on another file system, or has too many names already.
        """
        final = self._prepare(content.digest)
        # With a handle of a directory Python follows the link of `/proc` to the file itself.
        directory = os.open(final.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            source = f"/proc/self/fd/{descriptor}"
            os.link(source, final.name, dst_dir_fd=directory, follow_symlinks=True)
        except OSError:
            return False
        finally:
            os.close(directory)
        return True

    def quarantine(self, digest: Digest) -> Path:
        """Move the file of a damaged object out of the way, and return where it is now."""
        away = self._quarantine_name(digest)
        path = self.layout.object_file(digest)
        path.rename(away)
        self._unsynced.add(path.parent)
        return away

    def use(self, content: Content) -> None:
        """Take note that something will refer to an object that is there.

        Who made it may not have synced its directories yet: `sync` does.
        """
        self._sync_later(self.layout.object_file(content.digest))

    def sync(self) -> None:
        """Wait until everything that was added is on the disk."""
        while self._unsynced:
            path = self._unsynced.pop()
            with suppress(FileNotFoundError):
                sync_directory(path)

    def _finish(self, descriptor: int) -> None:
        os.fchmod(descriptor, OBJECT_MODE)
        give_to_owner(self.layout, descriptor)
        os.fdatasync(descriptor)

    def _is_known(self, content: Content) -> bool:
        # By its bytes: somebody may have edited it through a link.
        if not self.is_intact(content):
            return False
        self.use(content)
        return True

    def _prepare(self, digest: Digest) -> Path:
        final = self.layout.object_file(digest)
        try:
            final.parent.mkdir()
        except FileExistsError:
            pass
        else:
            give_to_owner(self.layout, final.parent)
        self._sync_later(final)
        return final

    def _sync_later(self, final: Path) -> None:
        self._unsynced |= {final.parent, final.parent.parent}

    def _set_aside(self, digest: Digest) -> None:
        """Put the file of an object, if there is one, into quarantine before it is replaced."""
        final, away = self.layout.object_file(digest), self._quarantine_name(digest)
        with suppress(FileNotFoundError):
            try:
                # Not by a rename: another process may be mending the same object.
                away.hardlink_to(final)
            except FileNotFoundError:
                raise
            except OSError:  # it has too many names
                final.rename(away)

    def _quarantine_name(self, digest: Digest) -> Path:
        self._unsynced.add(self.layout.quarantine)
        return self.layout.quarantine / f"{digest}.{secrets.token_hex(4)}"


def hash_descriptor(descriptor: int) -> Content:
    """Return digest and size of an open file, from its beginning.

    Raises:
        OSError: It cannot be read.
    """
    hasher = blake3()
    size_bytes = 0
    while block := os.pread(descriptor, _BLOCK, size_bytes):
        hasher.update(block)
        size_bytes += len(block)
    return Content(digest=Digest(hasher.hexdigest()), size_bytes=size_bytes)


def _check(content: Content, expected: str | None) -> None:
    if expected not in (None, content.digest):
        message = f"the bytes for object {expected} have the digest {content.digest}"
        raise CorruptDataError(message)


def _blocks(first: bytes, source: BinaryIO) -> Iterator[bytes]:
    block = first
    while block:
        yield block
        block = source.read(_BLOCK)


def _copy(blocks: Iterable[bytes], descriptor: int) -> Content:
    hasher = blake3()
    size_bytes = 0
    for block in blocks:
        hasher.update(block)
        write_all(descriptor, block)
        size_bytes += len(block)
    return Content(digest=Digest(hasher.hexdigest()), size_bytes=size_bytes)
