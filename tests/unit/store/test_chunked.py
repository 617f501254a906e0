from __future__ import annotations

from collections.abc import Callable
from io import BytesIO, RawIOBase

import pytest

from mlv.store import chunked, pack_writer
from mlv.store.chunked import CHUNK_LIMIT, MAX_CHUNK, MIN_CHUNK, ChunkedWriter
from mlv.store.layout import Layout
from mlv.store.pack_file import PackFile
from mlv.store.pack_format import RECIPE, PackEntry
from mlv.store.pack_writer import PackWriter
from mlv.store.recipes import Chunk, decode_recipe
from tests.unit.core.builders import content
from tests.unit.store.pack_builders import key, noise

LONG = noise(8 << 20)

# When these change, files that were stored
# before share no chunks with what is stored from then on.
LENGTHS = [
    358059,
    1294530,
    389832,
    1197756,
    158464,
    606384,
    569890,
    760769,
    214146,
    641469,
    1083058,
    634346,
    479905,
]


class _Slow(RawIOBase):
    """A stream that gives a little at a time."""

    def __init__(self, data: bytes) -> None:
        self._rest = memoryview(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        n_bytes = min(len(buffer), 100_003, len(self._rest))
        buffer[:n_bytes] = self._rest[:n_bytes]
        self._rest = self._rest[n_bytes:]
        return n_bytes


class _Known:
    """A store that holds some objects."""

    def __init__(self, digests: frozenset[bytes] = frozenset()) -> None:
        self._digests = digests

    def is_intact(self, digest: bytes, size_bytes: int) -> bool:
        return digest in self._digests

    def is_known_chunk(self, digest: bytes, size_bytes: int) -> bool:
        return digest in self._digests


class _Result:
    """What a blob came to."""

    def __init__(self, layout: Layout, data: bytes, writer: PackWriter) -> None:
        packs = [PackFile(path) for path in writer.publish()]
        self.records = [(pack, entry) for pack in packs for entry in pack.scan()]
        recipes = [(pack, entry) for pack, entry in self.records if entry.kind == RECIPE]
        self.chunks: tuple[Chunk, ...] = ()
        if recipes:
            ((pack, entry),) = recipes
            assert (entry.digest, entry.size) == (key(data), len(data))
            self.chunks = decode_recipe(pack.read(entry), size=len(data))

    @property
    def lengths(self) -> list[int]:
        return [chunk.size for chunk in self.chunks]

    @property
    def stored(self) -> list[tuple[bytes, int]]:
        """Digest and kind of all records, in their order."""
        return [(entry.digest, entry.kind) for _, entry in self.records]


def _store(
    layout: Layout,
    data: bytes,
    *,
    threaded: bool = True,
    known: frozenset[bytes] = frozenset(),
    stream: Callable[[bytes], object] = BytesIO,
) -> _Result:
    writer = PackWriter(layout)
    add = ChunkedWriter(writer, _Known(known), threaded=threaded).add
    added = add(data[: CHUNK_LIMIT + 1], stream(data[CHUNK_LIMIT + 1 :]))  # type: ignore[arg-type]
    assert added == content(data)
    return _Result(layout, data, writer)


def _cut(data: bytes, chunks: tuple[Chunk, ...]) -> list[bytes]:
    parts, start = [], 0
    for chunk in chunks:
        parts.append(data[start : start + chunk.size])
        start += chunk.size
    return parts


@pytest.mark.parametrize("threaded", [True, False])
def test_chunks_make_the_blob(layout: Layout, *, threaded: bool) -> None:
    stored = _store(layout, LONG, threaded=threaded)
    assert sum(stored.lengths) == len(LONG)
    assert [key(part) for part in _cut(LONG, stored.chunks)] == [
        chunk.digest for chunk in stored.chunks
    ]
    packed: dict[bytes, tuple[PackFile, PackEntry]] = {
        entry.digest: (pack, entry) for pack, entry in stored.records
    }
    read = [packed[chunk.digest][0].read(packed[chunk.digest][1]) for chunk in stored.chunks]
    assert b"".join(read) == LONG


def test_boundaries_are_those_of_earlier_versions(layout: Layout) -> None:
    assert _store(layout, LONG).lengths == LENGTHS
    assert all(MIN_CHUNK <= length <= MAX_CHUNK for length in LENGTHS[:-1])


@pytest.mark.parametrize("n_bytes", [CHUNK_LIMIT + 1, 3 << 20, len(LONG)])
@pytest.mark.parametrize("block_bytes", [4 << 20, (4 << 20) + 4096])
def test_boundaries_do_not_depend_on_blocks_and_threads(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, n_bytes: int, block_bytes: int
) -> None:
    data = LONG[:n_bytes]
    expected = _store(layout, data, threaded=False)
    monkeypatch.setattr(chunked, "_BLOCK_BYTES", block_bytes)
    for threaded in (True, False):
        found = _store(layout, data, threaded=threaded)
        assert (found.chunks, found.stored) == (expected.chunks, expected.stored)


def test_boundaries_do_not_depend_on_how_much_a_stream_gives(layout: Layout) -> None:
    assert _store(layout, LONG, stream=_Slow).chunks == _store(layout, LONG).chunks


@pytest.mark.parametrize("n_bytes", [0, 1, MIN_CHUNK, CHUNK_LIMIT, CHUNK_LIMIT + 1])
def test_blob_that_is_one_chunk_has_no_recipe(layout: Layout, n_bytes: int) -> None:
    data = bytes(n_bytes)
    stored = _store(layout, data)
    assert stored.stored == ([(key(data), 1)] if n_bytes else [])


@pytest.mark.parametrize("extra", [1, 1000, 1 << 20])
def test_append_adds_only_the_end(layout: Layout, extra: int) -> None:
    before = _store(layout, LONG)
    known = frozenset(chunk.digest for chunk in before.chunks)
    after = _store(layout, LONG + noise(extra, 1), known=known)
    new = [entry.size for _, entry in after.records if entry.kind != RECIPE]
    assert after.chunks[: len(before.chunks) - 1] == before.chunks[:-1]
    assert sum(new) <= MAX_CHUNK + extra


@pytest.mark.parametrize("at", [0, 1, 3 << 20, (5 << 20) + 17])
@pytest.mark.parametrize("change", ["insert", "remove", "replace"])
def test_change_in_the_middle_costs_few_chunks(layout: Layout, at: int, change: str) -> None:
    before = _store(layout, LONG)
    known = frozenset(chunk.digest for chunk in before.chunks)
    end = at if change == "insert" else at + 1000
    put = b"" if change == "remove" else noise(1000, 2)
    after = _store(layout, LONG[:at] + put + LONG[end:], known=known)
    new = {chunk.digest for chunk in after.chunks} - known
    assert 1 <= len(new) <= 3
    assert [digest for digest, kind in after.stored if kind != RECIPE] == [
        chunk.digest for chunk in after.chunks if chunk.digest in new
    ]


def test_chunk_that_comes_twice_is_stored_once(layout: Layout) -> None:
    stored = _store(layout, bytes(3 * MAX_CHUNK))
    assert stored.lengths == [MAX_CHUNK] * 3
    assert len(stored.stored) == 2


def test_blob_that_is_known_stores_nothing(layout: Layout) -> None:
    chunks = _store(layout, LONG).chunks
    known = frozenset({chunk.digest for chunk in chunks} | {key(LONG)})
    assert _store(layout, LONG, known=known).stored == []


@pytest.mark.parametrize("threaded", [True, False])
def test_source_that_fails_is_an_error(layout: Layout, *, threaded: bool) -> None:
    class Failing(_Slow):
        def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
            if len(self._rest) < 1 << 20:
                raise OSError
            return super().readinto(buffer)

    writer = PackWriter(layout)
    add = ChunkedWriter(writer, _Known(), threaded=threaded).add
    with pytest.raises(OSError, match=r"^$"):
        add(LONG[: CHUNK_LIMIT + 1], Failing(LONG[CHUNK_LIMIT + 1 :]))  # type: ignore[arg-type]
    writer.discard()
    assert list(layout.temporary.iterdir()) == []


@pytest.mark.parametrize("threaded", [True, False])
def test_disk_that_fails_is_an_error(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, *, threaded: bool
) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pack_writer, "write_all", fail)
    writer = PackWriter(layout)
    add = ChunkedWriter(writer, _Known(), threaded=threaded).add
    with pytest.raises(OSError, match="No space left"):
        add(LONG[: CHUNK_LIMIT + 1], BytesIO(LONG[CHUNK_LIMIT + 1 :]))
    writer.discard()
    assert list(layout.temporary.iterdir()) == []
