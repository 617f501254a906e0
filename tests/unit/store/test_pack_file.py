from __future__ import annotations

import os
from pathlib import Path

import pytest
import zstandard
from blake3 import blake3

from mlv.store import pack_file
from mlv.store.layout import Layout
from mlv.store.pack_file import MAX_OBJECT_BYTES, DamagedPackError, PackFile
from mlv.store.pack_format import (
    HEADER_BYTES,
    RAW,
    RECIPE,
    RECORD_BYTES,
    TRAILER_BYTES,
    ZSTD,
    PackEntry,
    encode_index,
)
from tests.unit.store.pack_builders import assemble, entry_of, key, make_pack, noise, rewrite

OBJECTS = (b"", b"one", b"two" * 1000, noise(5000), b"MLVR" * 100)


@pytest.fixture
def pack(layout: Layout) -> PackFile:
    """A pack with a record of every sort."""
    return make_pack(layout, *OBJECTS)


def _find(pack: PackFile, data: bytes) -> PackEntry:
    found = pack.index.find(key(data))
    assert found is not None
    return found


def _readable(pack: PackFile) -> set[bytes]:
    """Return the objects that can be read by the index."""
    found = set()
    for entry in pack.index.entries():
        try:
            found.add(pack.read(entry))
        except DamagedPackError:
            continue
    return found


@pytest.mark.parametrize("keep_open", [True, False])
def test_pack_gives_back_what_is_in_it(pack: PackFile, *, keep_open: bool) -> None:
    again = PackFile(pack.path, keep_open=keep_open)
    assert [again.read(_find(again, data)) for data in OBJECTS] == list(OBJECTS)
    assert {_find(again, data).codec for data in OBJECTS} == {RAW, ZSTD}
    assert again.index.find(key(b"absent")) is None


def test_pack_is_named_by_its_digest(pack: PackFile, layout: Layout) -> None:
    name = blake3(pack.path.read_bytes()).hexdigest()
    assert (pack.name, pack.digest()) == (name, name)
    assert pack.path == layout.packs / name[:2] / name[2:]
    assert pack.has_header()
    assert pack.size_bytes == pack.path.stat().st_size


def test_pack_lists_its_records_in_their_order(pack: PackFile) -> None:
    records = list(pack.scan())
    assert [pack.read(entry) for entry in records] == list(OBJECTS)
    assert [entry.offset for entry in records[1:]] == [entry.end for entry in records[:-1]]
    assert records[0].offset == HEADER_BYTES


@pytest.mark.parametrize("keep_open", [True, False])
def test_pack_that_is_gone_is_not_found(pack: PackFile, *, keep_open: bool) -> None:
    entry = _find(pack, b"one")
    pack.path.unlink()
    gone = PackFile(pack.path, keep_open=keep_open)
    for look in (lambda: gone.index, lambda: gone.read(entry), gone.digest):
        with pytest.raises(FileNotFoundError):
            look()


def test_pack_that_is_removed_while_it_is_open_is_still_read(pack: PackFile) -> None:
    entry = _find(pack, b"one")
    pack.path.unlink()
    assert pack.read(entry) == b"one"


def test_pack_closes_its_file() -> None:
    """Descriptors are a shared good: a store may have a thousand packs."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    packs = [PackFile(Path(os.devnull)) for _ in range(10)]
    for pack in packs:
        assert not pack.has_header()
    assert len(list(Path("/proc/self/fd").iterdir())) == before + 10
    packs.clear()
    del pack
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("back", [1, 8, 16, 40, 63, TRAILER_BYTES + 1, TRAILER_BYTES + 1024])
def test_pack_whose_index_is_damaged_is_read_by_its_records(pack: PackFile, back: int) -> None:
    def damage(data: bytearray) -> None:
        data[-back] ^= 1

    damaged = rewrite(pack.path, damage)
    if not 9 <= back <= 16:  # zeros that mean nothing
        with pytest.raises(DamagedPackError, match=f"in pack {pack.name[:12]}"):
            damaged.read_index()
    assert _readable(damaged) == set(OBJECTS)
    assert damaged.digest() != damaged.name


@pytest.mark.parametrize("n_bytes", [1, TRAILER_BYTES, 1000, TRAILER_BYTES + 1024])
def test_pack_that_is_cut_short_is_read_by_its_records(pack: PackFile, n_bytes: int) -> None:
    def cut(data: bytearray) -> None:
        del data[-n_bytes:]

    assert _readable(rewrite(pack.path, cut)) == set(OBJECTS)


@pytest.mark.parametrize("length", [0, 1, HEADER_BYTES, HEADER_BYTES + 1, HEADER_BYTES + 63])
def test_pack_that_is_cut_before_its_first_record_is_empty(pack: PackFile, length: int) -> None:
    def cut(data: bytearray) -> None:
        del data[length:]

    damaged = rewrite(pack.path, cut)
    assert len(damaged.index) == 0
    assert damaged.index.find(key(b"one")) is None


@pytest.mark.parametrize("damaged_object", OBJECTS[:4], ids=["empty", "raw", "zstd", "long"])
@pytest.mark.parametrize("at", [0, 5, 10, 30, 63])
def test_damaged_header_of_a_record_costs_at_most_that_record(
    pack: PackFile, damaged_object: bytes, at: int
) -> None:
    start = _find(pack, damaged_object).offset

    def damage(data: bytearray) -> None:
        data[start + at] ^= 1

    damaged = rewrite(pack.path, damage)
    assert _readable(damaged) == set(OBJECTS)
    with pytest.raises(DamagedPackError, match=f"no header of a record at offset {start}"):
        damaged.check_header(_find(damaged, damaged_object))
    rest = set(OBJECTS) - {damaged_object}
    assert {damaged.read(entry) for entry in damaged.scan()} == rest
    rebuilt = damaged.rebuild_index()
    assert {*rebuilt.digests()} == {key(data) for data in rest}


@pytest.mark.parametrize("damaged_object", OBJECTS[1:], ids=["raw", "zstd", "long", "magic"])
def test_damaged_payload_costs_only_that_record(pack: PackFile, damaged_object: bytes) -> None:
    entry = _find(pack, damaged_object)

    def damage(data: bytearray) -> None:
        data[entry.end - 1] ^= 1

    damaged = rewrite(pack.path, damage)
    with pytest.raises(DamagedPackError, match=f"at offset {entry.offset} in pack"):
        damaged.read(entry)
    assert _readable(damaged) == set(OBJECTS) - {damaged_object}


def test_records_are_found_behind_any_length_of_garbage(
    pack: PackFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The magic that is looked for may lie across the border of two blocks."""
    magic = b"MLVR"
    blob = b"".join([b"x" * n + magic for n in range(40)])
    long = (1 << 20) - RECORD_BYTES - HEADER_BYTES
    for shift in range(6):
        made = assemble(pack.path.parent / f"p{shift}", [entry_of(b"x", b"y" * (long - shift))])
        data = bytearray(made.path.read_bytes())
        data[HEADER_BYTES] ^= 1  # the header of the first record
        tail = pack.path.read_bytes()[HEADER_BYTES:]
        made.path.write_bytes(data[: HEADER_BYTES + RECORD_BYTES + long - shift] + blob + tail)
        assert {key(data) for data in OBJECTS} <= {entry.digest for entry in made.scan()}


def test_record_that_says_it_is_longer_than_the_pack_is_passed_by(tmp_path: Path) -> None:
    far, _ = entry_of(b"far", b"far")
    far = PackEntry(far.digest, 0, 1 << 40, 3, far.kind, far.codec)
    pack = assemble(tmp_path / "pack", [(far, b"far"), entry_of(b"near", b"near")])
    assert [pack.read(entry) for entry in pack.scan()] == [b"near"]


@pytest.mark.parametrize("offset", [1 << 40, (1 << 63) - 1, (1 << 64) - RECORD_BYTES - 1])
def test_index_that_points_out_of_the_pack_is_no_harm(tmp_path: Path, offset: int) -> None:
    entry, payload = entry_of(b"data", b"data")
    pack = assemble(tmp_path / "pack", [(entry, payload)])
    far = PackEntry(entry.digest, offset, entry.stored, entry.size, entry.kind, entry.codec)
    with pytest.raises(DamagedPackError, match="is not all there"):
        pack.read(far)


def test_index_that_disagrees_with_the_record_is_damage(pack: PackFile) -> None:
    entry, other = _find(pack, b"one"), _find(pack, b"")
    moved = PackEntry(entry.digest, other.offset, entry.stored, entry.size, entry.kind, entry.codec)
    with pytest.raises(DamagedPackError, match="is not that of the index"):
        pack.check_header(moved)
    with pytest.raises(DamagedPackError, match=f"object {key(b'one').hex()[:12]} is damaged"):
        pack.read(moved)


def test_index_with_a_wrong_hash_of_a_record_is_believed_only_if_the_bytes_agree(
    tmp_path: Path,
) -> None:
    pack = assemble(tmp_path / "pack", [entry_of(b"data", b"Data")])
    with pytest.raises(DamagedPackError, match=f"object {key(b'data').hex()[:12]} is damaged"):
        pack.read(next(iter(pack.index.entries())))


@pytest.mark.parametrize("size", [MAX_OBJECT_BYTES + 1, 1 << 40])
def test_object_that_is_too_long_is_refused_unread(tmp_path: Path, size: int) -> None:
    frame = zstandard.ZstdCompressor().compress(bytes(size % (1 << 30)))
    pack = assemble(tmp_path / "pack", [entry_of(b"", frame, size=size, codec=ZSTD)])
    with pytest.raises(DamagedPackError, match=f"the record at offset {HEADER_BYTES} is too long"):
        pack.read(next(iter(pack.index.entries())))


def test_longest_object_is_read(tmp_path: Path) -> None:
    data = bytes(MAX_OBJECT_BYTES)
    pack = assemble(tmp_path / "pack", [entry_of(data, data)])
    assert pack.read(next(iter(pack.index.entries()))) == data


def _frame_without_size(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_content_size=False).compress(data)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (zstandard.ZstdCompressor().compress(bytes(1 << 24)), "or is too long"),
        (_frame_without_size(b"data"), "does not say how long it is"),
        (zstandard.ZstdCompressor().compress(b"dat"), "is damaged"),
        (b"no frame", "cannot be unpacked"),
        (b"", "cannot be unpacked"),
        (zstandard.ZstdCompressor().compress(noise(4))[:-1], "cannot be unpacked"),
    ],
    ids=["bomb", "no size", "short", "no frame", "empty", "cut"],
)
def test_frame_that_is_not_what_it_should_be_is_refused(
    tmp_path: Path, frame: bytes, message: str
) -> None:
    pack = assemble(tmp_path / "pack", [entry_of(b"data", frame, codec=ZSTD)])
    with pytest.raises(DamagedPackError, match=message):
        pack.read(next(iter(pack.index.entries())))


def test_recipe_that_would_fill_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack_file, "MAX_RECIPE_BYTES", 1 << 20)
    frame = zstandard.ZstdCompressor().compress(bytes(1 << 21))
    pack = assemble(tmp_path / "pack", [entry_of(b"", frame, kind=RECIPE, codec=ZSTD)])
    with pytest.raises(DamagedPackError, match="or is too long"):
        pack.read(next(iter(pack.index.entries())))


def test_recipe_is_handed_out_as_it_is(tmp_path: Path) -> None:
    frame = zstandard.ZstdCompressor().compress(b"recipe")
    records = [
        entry_of(b"big", frame, size=1 << 40, kind=RECIPE, codec=ZSTD),
        entry_of(b"big2", b"raw recipe", size=1 << 40, kind=RECIPE),
    ]
    pack = assemble(tmp_path / "pack", records)
    assert [pack.read(entry) for entry in pack.scan()] == [b"recipe", b"raw recipe"]


def test_pack_inside_a_damaged_record_gives_no_wrong_bytes(layout: Layout, pack: PackFile) -> None:
    """Somebody may track packs of another store; what is found in them is still verified."""
    inner = pack.path.read_bytes() + noise(200_000)
    outer = make_pack(layout, inner, b"beside")
    start = _find(outer, inner).offset

    def damage(data: bytearray) -> None:
        data[start] ^= 1

    damaged = rewrite(outer.path, damage)
    assert {damaged.read(entry) for entry in damaged.scan()} == {*OBJECTS, b"beside"}


def test_empty_pack_has_no_objects(tmp_path: Path) -> None:
    pack = assemble(tmp_path / "pack", [])
    assert pack.read_index().digests() == []
    assert len(encode_index([], offset=HEADER_BYTES)) == pack.size_bytes - HEADER_BYTES
