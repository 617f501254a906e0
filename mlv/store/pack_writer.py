"""Write packs: gather objects in a file under `tmp/`, then publish it under its digest."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from blake3 import blake3

from mlv.core.digest import Digest
from mlv.store.claims import Claims
from mlv.store.compression import Compressor
from mlv.store.durable import sync_directory, write_all
from mlv.store.layout import Layout
from mlv.store.owner import give_to_owner
from mlv.store.pack_format import (
    DATA,
    HEADER_BYTES,
    RAW,
    RECIPE,
    RECORD_BYTES,
    ZSTD,
    PackEntry,
    encode_index,
    encode_record_header,
    new_header,
)

MAX_PACK_BYTES = 64 << 20
_BUFFER_BYTES = 1 << 20
_MOST_UNSYNCED = 16
"""So many full packs may wait for a disk that is slower than what is written."""

_MODE = 0o444


class _Pack:
    """One pack that is being filled."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.path = layout.new_temporary()
        self.descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _MODE)
        self.entries: dict[bytes, PackEntry] = {}
        self.end = HEADER_BYTES
        self._hasher = blake3()
        self._buffer = [new_header()]
        self._buffered = HEADER_BYTES
        self._failure: OSError | None = None

    def append(self, entry: PackEntry, payload: bytes | memoryview) -> None:
        header = encode_record_header(
            entry.digest, entry.stored, entry.size, entry.kind, entry.codec
        )
        self._buffer.append(header)
        if isinstance(payload, bytes):
            self._buffer.append(payload)
            self._buffered += RECORD_BYTES + entry.stored
        else:  # the caller's memory, which is not kept
            self.flush()
            self._write(payload)
        self.entries[entry.digest] = entry
        self.end = entry.end
        if self._buffered >= _BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is buffered."""
        self._write(b"".join(self._buffer))
        self._buffer.clear()
        self._buffered = 0

    def _write(self, data: bytes | memoryview) -> None:
        if self._failure is not None:  # what was written since is not where it should be
            raise self._failure
        self._hasher.update(data)
        try:
            write_all(self.descriptor, data)
        except OSError as error:
            self._failure = error
            raise

    def publish(self) -> Path:
        """Complete the pack, wait until it is on the disk, and give it its name.

        Raises:
            OSError: The disk is full or failing; nothing was published.
        """
        try:
            return self._publish()
        finally:
            self.discard()

    def discard(self) -> None:
        """Remove the temporary file."""
        os.close(self.descriptor)
        self.path.unlink(missing_ok=True)

    def _publish(self) -> Path:
        self._buffer.append(encode_index(self.entries.values(), offset=self.end))
        self.flush()
        give_to_owner(self._layout, self.descriptor)
        os.fdatasync(self.descriptor)
        final = self._layout.pack_file(Digest(self._hasher.hexdigest()))
        make_directory(self._layout, final.parent)
        final.hardlink_to(self.path)
        sync_directory(final.parent)
        sync_directory(final.parent.parent)
        return final


class PackWriter:
    """Adds records to packs of at most 64 MiB, each published when it is full.

    For one thread at a time.

    Args:
        layout: The store.
        claims: Which of several processes stores what; None when there is only this one.
    """

    def __init__(self, layout: Layout, claims: Claims | None = None) -> None:
        self._layout = layout
        self._claims = claims
        self._pack: _Pack | None = None
        self._compressor = Compressor()
        self._finishing: list[Future[Path]] = []
        self._executor: ThreadPoolExecutor | None = None
        self._known: set[bytes] = set()

    def __contains__(self, digest: bytes) -> bool:
        """Tell whether an object was added here."""
        return digest in self._known

    def claim(self, digest: bytes) -> bool:
        """Tell whether an object has to be added here; else it was, or another process adds it."""
        if digest in self._known:
            return False
        if self._claims is None or self._claims.claim(digest):
            return True
        self._known.add(digest)
        return False

    def add(self, digest: bytes, data: bytes | memoryview) -> None:
        """Add the bytes of an object; `data` may be reused when this has returned.

        Raises:
            OSError: The disk is full or failing.
        """
        if not self.claim(digest):
            return
        frame = self._compressor.compress(data)
        if frame is None:
            self.add_payload(digest, len(data), data, codec=RAW)
        else:
            self.add_payload(digest, len(data), frame, codec=ZSTD)

    def add_recipe(self, digest: bytes, size: int, recipe: bytes) -> None:
        """Add the recipe of a blob of `size` bytes.

        Raises:
            OSError: The disk is full or failing.
        """
        frame = self._compressor.compress(recipe)
        codec = RAW if frame is None else ZSTD
        self.add_payload(digest, size, frame or recipe, codec=codec, kind=RECIPE)

    def add_payload(
        self,
        digest: bytes,
        size: int,
        payload: bytes | memoryview,
        *,
        codec: int,
        kind: int = DATA,
    ) -> None:
        """Add a payload as it will lie in the pack.

        Raises:
            OSError: The disk is full or failing.
        """
        pack = self._pack
        if pack is None or pack.end + RECORD_BYTES + len(payload) > MAX_PACK_BYTES:
            self._hand_over()
            pack = self._pack = _Pack(self._layout)
        pack.append(PackEntry(digest, pack.end, len(payload), size, kind, codec), payload)
        self._known.add(digest)

    def inherit(self, other: PackWriter) -> None:
        """Take what `other` will publish as added already."""
        self._known |= other._known

    def read_back(self, digest: bytes) -> tuple[PackEntry, bytes] | None:
        """Return a record of the pack that is being filled, None when it is not in there."""
        pack = self._pack
        entry = pack.entries.get(digest) if pack else None
        if pack is None or entry is None:
            return None
        pack.flush()
        payload = os.pread(pack.descriptor, entry.stored, entry.offset + RECORD_BYTES)
        return entry, payload

    def publish(self) -> list[Path]:
        """Publish everything that was added, and return the packs.

        Raises:
            OSError: The disk is full or failing; packs that are whole stay.
        """
        try:
            packs = [future.result() for future in self._finishing]
            last, self._pack = self._pack, None
            return [*packs, last.publish()] if last else packs
        finally:
            self.discard()

    def discard(self) -> None:
        """Drop what was not published yet."""
        if self._pack is not None:
            self._pack.discard()
            self._pack = None
        self._stop()

    def _hand_over(self) -> None:
        """Let a full pack be completed and synced in the background."""
        for future in self._finishing[:-_MOST_UNSYNCED]:
            future.result()  # each that waits has a file open
        for future in self._finishing:
            if future.done():
                future.result()  # a disk that is full is noticed now, not at the end
        full, self._pack = self._pack, None
        if full is None:
            return
        if self._executor is None:
            self._executor = ThreadPoolExecutor(max_workers=1)
        self._finishing.append(self._executor.submit(full.publish))

    def _stop(self) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True)
            self._executor = None
        self._finishing.clear()
        self._known.clear()


def make_directory(layout: Layout, path: Path) -> None:
    """Make one directory of the store, if it is not there.

    Raises:
        OSError: The system refused.
    """
    try:
        path.mkdir()
    except FileExistsError:
        return
    give_to_owner(layout, path)
