"""Cut a stream into chunks where its content says so, and pack those that are new.

Boundaries are those of FastCDC 2020, so that bytes which are put into the middle of a
file change one or two chunks and not all that follow.

Source: docs/reference/store-format.md, "Recipes".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, Protocol

import msgspec
from blake3 import blake3

from mlv.core.digest import Digest
from mlv.core.run import Content
from mlv.store.compression import Compressor
from mlv.store.pack_format import RAW, ZSTD
from mlv.store.pack_writer import PackWriter
from mlv.store.recipes import Chunk, encode_recipe

if TYPE_CHECKING:
    from concurrent.futures import Future

CHUNK_LIMIT = 512 << 10
"""What is not longer is one chunk, and has no recipe."""

MIN_CHUNK, AVERAGE_CHUNK, MAX_CHUNK = 128 << 10, 512 << 10, 2 << 20

_BLOCK_BYTES = 16 << 20
_N_BLOCKS = 4


class _Block(msgspec.Struct, frozen=True):
    """Whole chunks, one after the other, in a buffer that is used again later."""

    buffer: bytearray
    ends: list[int]
    is_last: bool = False

    @property
    def view(self) -> memoryview:
        return memoryview(self.buffer)[: self.ends[-1] if self.ends else 0]


class _Prepared(msgspec.Struct, frozen=True):
    """A chunk that was hashed, and compressed if the store lacks it and it is worth it."""

    chunk: Chunk
    data: memoryview
    frame: bytes | None
    is_known: bool


class KnownObjects(Protocol):
    """What a store holds already, by digest, 32 bytes, and size."""

    def is_intact(self, digest: bytes, size_bytes: int) -> bool:
        """Tell whether all of an object is there, without a look at what lies in packs."""

    def is_known_chunk(self, digest: bytes, size_bytes: int) -> bool:
        """Tell whether an object is there in one piece, so that it can be a chunk."""


class ChunkedWriter:
    """Adds large blobs to packs.

    Args:
        packs: Where chunks and recipes go.
        known: What need not be stored.
        threaded: Whether to hash, compress and write at the same time.
    """

    def __init__(self, packs: PackWriter, known: KnownObjects, *, threaded: bool) -> None:
        self._packs = packs
        self._known = known
        self._threaded = threaded
        self._compressor = Compressor()
        self._free: list[bytearray] = []

    def add(self, first: bytes, source: BinaryIO) -> Content:
        """Store a blob that is longer than one chunk may be.

        Args:
            first: What was already read of it.
            source: Where the rest comes from.

        Raises:
            OSError: It cannot be read, or the disk is full or failing.
        """
        hasher = blake3()
        blocks = _cut(first, source, self._take_buffer)
        block = next(blocks)
        if block.is_last or not self._threaded:
            chunks = self._add(chain((block,), blocks), hasher)
        else:
            chunks = self._add_threaded(chain((block,), blocks), hasher)
        digest, size = hasher.digest(), sum(chunk.size for chunk in chunks)
        # A single chunk is an object under the digest of the blob already.
        if len(chunks) > 1 and not self._known.is_intact(digest, size):
            self._packs.add_recipe(digest, size, encode_recipe(chunks))
        return Content(digest=Digest(digest.hex()), size_bytes=size)

    def _add(self, blocks: Iterable[_Block], hasher: blake3) -> list[Chunk]:
        chunks: list[Chunk] = []
        for block in blocks:
            hasher.update(block.view)
            chunks += self._pack(self._prepare(block))
            self._free.append(block.buffer)
        return chunks

    def _add_threaded(self, blocks: Iterable[_Block], hasher: blake3) -> list[Chunk]:
        from concurrent.futures import ThreadPoolExecutor

        chunks: list[Chunk] = []
        busy: deque[tuple[_Block, Future[blake3], Future[list[Chunk]]]] = deque()

        def wait_for_oldest() -> None:
            block, hashed, packed = busy.popleft()
            hashed.result()
            chunks.extend(packed.result())
            self._free.append(block.buffer)

        with (
            ThreadPoolExecutor(max_workers=1) as hashing,
            ThreadPoolExecutor(max_workers=1) as preparing,
            ThreadPoolExecutor(max_workers=1) as packing,
        ):
            for block in blocks:
                prepared = preparing.submit(self._prepare, block)
                hashed = hashing.submit(hasher.update, block.view)
                packed = packing.submit(self._pack_later, prepared)
                busy.append((block, hashed, packed))
                if len(busy) == _N_BLOCKS:
                    wait_for_oldest()
            while busy:
                wait_for_oldest()
        return chunks

    def _take_buffer(self) -> bytearray:
        return self._free.pop() if self._free else bytearray(_BLOCK_BYTES)

    def _prepare(self, block: _Block) -> list[_Prepared]:
        prepared = []
        start = 0
        for end in block.ends:
            data = block.view[start:end]
            chunk = Chunk(blake3(data).digest(), end - start)
            is_known = self._known.is_known_chunk(chunk.digest, chunk.size)
            frame = None if is_known else self._compressor.compress(data)
            prepared.append(_Prepared(chunk, data, frame, is_known))
            start = end
        return prepared

    def _pack_later(self, prepared: Future[list[_Prepared]]) -> list[Chunk]:
        return self._pack(prepared.result())

    def _pack(self, prepared: list[_Prepared]) -> list[Chunk]:
        for each in prepared:
            digest, size = each.chunk.digest, each.chunk.size
            if each.is_known or not self._packs.claim(digest):
                continue
            if each.frame is None:
                self._packs.add_payload(digest, size, each.data, codec=RAW)
            else:
                self._packs.add_payload(digest, size, each.frame, codec=ZSTD)
        return [each.chunk for each in prepared]


def _cut(rest: bytes, source: BinaryIO, take_buffer: Callable[[], bytearray]) -> Iterator[_Block]:
    """Yield the chunks of `rest` and a stream, in buffers that are used again."""
    from pyfastcdc import FastCDC

    cutter = FastCDC(AVERAGE_CHUNK, min_size=MIN_CHUNK, max_size=MAX_CHUNK)
    while True:
        buffer = take_buffer()
        buffer[: len(rest)] = rest
        n_bytes = len(rest) + _fill(source, memoryview(buffer)[len(rest) :])
        view = memoryview(buffer)[:n_bytes]
        ends = [chunk.offset + chunk.length for chunk in cutter.cut_buf(view)]
        if n_bytes < len(buffer):
            yield _Block(buffer, ends, is_last=True)
            return
        del ends[-1]  # the last chunk may go on in the next block
        rest = bytes(memoryview(buffer)[ends[-1] :])
        yield _Block(buffer, ends)


def _fill(source: BinaryIO, view: memoryview) -> int:
    """Read until `view` is full or the stream ends, and return how many bytes were read."""
    n_bytes = 0
    while n_bytes < len(view):
        n_read = source.readinto(view[n_bytes:])  # type: ignore[attr-defined]
        if not n_read:
            break
        n_bytes += n_read
    return n_bytes
