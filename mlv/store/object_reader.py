"""Read objects, wherever they lie; what is damaged in one place is taken from another."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from blake3 import blake3

from mlv.core.digest import Digest
from mlv.core.run import Content
from mlv.errors import CorruptDataError, MissingObjectError, MlvError
from mlv.store.failures import storage_errors
from mlv.store.layout import Layout
from mlv.store.pack_file import DamagedPackError, PackFile
from mlv.store.pack_format import DATA, RECIPE
from mlv.store.packs import Location, PackSet
from mlv.store.recipes import Chunk, decode_recipe
from mlv.store.trash import Trash

_BLOCK = 1 << 20
_N_AHEAD = 4


class ObjectReader:
    """Reads from packs, and from whole objects."""

    def __init__(self, layout: Layout, packs: PackSet) -> None:
        self._layout = layout
        self._packs = packs
        self._trash = Trash(layout)
        self._thrown: dict[Path, PackFile] = {}

    def contains(self, content: Content) -> bool:
        """Tell whether an object is there with its full size."""
        digest = bytes.fromhex(content.digest)
        with storage_errors(f"look for object {content.digest[:12]}"):
            found = self._packs.find(digest)
            if found is not None and found.entry.size == content.size_bytes:
                return True
            if self._has_whole(content):
                return True
            while self._packs.refresh():
                found = self._packs.find(digest)
                if found is not None and found.entry.size == content.size_bytes:
                    return True
            return self._is_in_trash(content)

    def contains_all(self, digests: set[bytes]) -> bool:
        """Tell whether objects are there, whatever their size."""
        with storage_errors("look for objects"):
            self._packs.refresh()
            missing = self._packs.find_missing(digests)
            return all(self._layout.object_file(Digest(each.hex())).exists() for each in missing)

    def read(self, content: Content) -> bytes:
        """Return an object, all in memory; see `ObjectStore.read`."""
        with suppress(DamagedPackError, OSError):  # `stream` finds a copy, or says what is wrong
            found = self._packs.find(bytes.fromhex(content.digest))
            if found is not None:
                entry = found.entry
                is_it = entry.digest.hex() == content.digest and entry.size == content.size_bytes
                if entry.kind == DATA and is_it:
                    return found.pack.read(entry)
        return b"".join(self.stream(content))

    def stream(self, content: Content) -> Iterator[bytes]:
        """Yield an object in blocks; see `ObjectStore.stream`."""
        with storage_errors(f"read object {content.digest[:12]}"):
            try:
                found = self._read_packed(bytes.fromhex(content.digest), content.size_bytes)
            except MlvError:
                if not self._has_whole(content):
                    raise
                found = None
            if isinstance(found, bytes):
                yield found
            elif found is not None:
                yield from self._join(content, found)
            else:
                yield from self._read_whole(content)

    def _read_packed(self, digest: bytes, size: int) -> bytes | tuple[Chunk, ...] | None:
        """Return an object, or the chunks that it is made of; None when no pack holds it.

        Raises:
            CorruptDataError: Every record of it is damaged.
        """
        damage: Exception | None = None
        for location in self._locations(digest):
            try:
                return self._read_record(location, size)
            except FileNotFoundError:
                continue
            except (DamagedPackError, ValueError) as error:
                damage = error
        if damage is None:
            return None
        raise _corrupt(digest.hex(), str(damage)) from damage

    def _locations(self, digest: bytes) -> Iterator[Location]:
        """Yield the records of an object: the nearest first, then any other, in the trash last."""
        first = self._packs.find(digest)
        if first is not None:
            yield first
            yield from (each for each in self._packs.find_all(digest) if each != first)
        # A list that is made while packs are merged may lack both the old one and the new one.
        while self._packs.refresh():
            yield from self._packs.find_all(digest)
        yield from self._locations_in_trash(digest)

    def _locations_in_trash(self, digest: bytes) -> Iterator[Location]:
        for path in self._trash.list_packs():
            pack = self._thrown.setdefault(path, PackFile(path, keep_open=False))
            with suppress(FileNotFoundError, DamagedPackError):
                entry = pack.index.find(digest)
                if entry is not None:
                    yield Location(pack, entry)

    def _is_in_trash(self, content: Content) -> bool:
        found = next(self._locations_in_trash(bytes.fromhex(content.digest)), None)
        if found is not None:
            return found.entry.size == content.size_bytes
        path = self._trash.find_whole(content.digest)
        return path is not None and path.stat().st_size == content.size_bytes

    def _read_record(self, location: Location, size: int) -> bytes | tuple[Chunk, ...]:
        if location.entry.size != size:
            message = f"it has {location.entry.size} bytes, not {size}"
            raise ValueError(message)
        data = location.pack.read(location.entry)
        if location.entry.kind == RECIPE:
            return decode_recipe(data, size=size)
        return data

    def _join(self, content: Content, chunks: Iterable[Chunk]) -> Iterator[bytes]:
        hasher = blake3()
        n_bytes = 0
        try:
            for block in _hash_beside(self._read_ahead(chunks), hasher):
                n_bytes += len(block)
                yield block
        except MlvError:
            if not self._has_whole(content):
                raise
            yield from self._read_rest(content, n_bytes, hasher)
        if hasher.hexdigest() != content.digest:
            raise _corrupt(content.digest, "its chunks make something else")

    def _read_rest(self, content: Content, n_bytes: int, hasher: blake3) -> Iterator[bytes]:
        """Go on in the whole object, after a chunk that is lost."""
        with self._layout.object_file(content.digest).open("rb") as file:
            file.seek(n_bytes)
            while block := file.read(_BLOCK):
                hasher.update(block)
                yield block

    def _read_ahead(self, chunks: Iterable[Chunk]) -> Iterator[bytes]:
        ahead: deque[Future[bytes]] = deque()
        with ThreadPoolExecutor(max_workers=1) as executor:
            try:
                for chunk in chunks:
                    ahead.append(executor.submit(self._read_chunk, chunk))
                    if len(ahead) > _N_AHEAD:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            finally:
                for future in ahead:
                    future.cancel()

    def _read_chunk(self, chunk: Chunk) -> bytes:
        found = self._read_packed(chunk.digest, chunk.size)
        if isinstance(found, bytes):
            return found
        if found is not None:
            raise _corrupt(chunk.digest.hex(), "a chunk is made of chunks")
        return b"".join(
            self._read_whole(Content(digest=Digest(chunk.digest.hex()), size_bytes=chunk.size))
        )

    def _has_whole(self, content: Content) -> bool:
        try:
            found = self._layout.object_file(content.digest).stat()
        except FileNotFoundError:
            return False
        return found.st_size == content.size_bytes

    def _read_whole(self, content: Content) -> Iterator[bytes]:
        file = self._open_whole(content.digest)
        hasher = blake3()
        with file:
            while block := file.read(_BLOCK):
                hasher.update(block)
                yield block
        if hasher.hexdigest() != content.digest:
            raise _corrupt(content.digest, "its bytes have another digest")

    def _open_whole(self, digest: Digest) -> BinaryIO:
        try:
            return self._layout.object_file(digest).open("rb")
        except FileNotFoundError as error:
            thrown = self._trash.find_whole(digest)
            if thrown is None:
                message = f"object {digest[:12]} is not in the store"
                raise MissingObjectError(message) from error
            return thrown.open("rb")


def _hash_beside(blocks: Iterable[bytes], hasher: blake3) -> Iterator[bytes]:
    """Yield blocks, and hash each while the caller is busy with it."""
    with ThreadPoolExecutor(max_workers=1) as executor:
        hashed: Future[blake3] | None = None
        try:
            for block in blocks:
                if hashed is not None:
                    hashed.result()
                hashed = executor.submit(hasher.update, block)
                yield block
        finally:
            if hashed is not None:
                hashed.result()


def _corrupt(digest: str, why: str) -> CorruptDataError:
    message = f"object {digest[:12]} is damaged: {why}"
    return CorruptDataError(message, hint="find what can be saved with `mlv fsck --full --repair`")
