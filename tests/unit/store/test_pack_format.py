from __future__ import annotations

import struct
import zlib
from contextlib import suppress

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from mlv.store.pack_format import (
    DATA,
    ENTRY_BYTES,
    HEADER_BYTES,
    RAW,
    RECIPE,
    RECORD_BYTES,
    TRAILER_BYTES,
    ZSTD,
    PackEntry,
    PackIndex,
    decode_record_header,
    decode_trailer,
    encode_index,
    encode_record_header,
    is_header,
    new_header,
)
from tests.property.profile import PURE
from tests.unit.store.pack_builders import each_field, key

U64 = st.integers(0, 2**64 - 1)
ENTRIES = st.builds(
    PackEntry,
    st.binary(min_size=32, max_size=32),
    U64,
    U64,
    U64,
    st.sampled_from([DATA, RECIPE]),
    st.sampled_from([RAW, ZSTD]),
)
ENTRY = PackEntry(key(b"data"), 32, 4, 5, DATA, RAW)
FANOUT_BYTES = 1024


def _decode_index(encoded: bytes, offset: int) -> PackIndex:
    tail = encoded[-TRAILER_BYTES:]
    start, count, index_hash = decode_trailer(tail, offset + len(encoded))
    assert (start, count) == (offset, (len(encoded) - FANOUT_BYTES - TRAILER_BYTES) // ENTRY_BYTES)
    return PackIndex(encoded[:-TRAILER_BYTES], index_hash)


def _seal(head: bytes) -> bytes:
    """Return a header of a record with a check that is right."""
    return head + struct.pack("<I", zlib.crc32(head))


def test_header_is_known_and_always_another_one() -> None:
    header = new_header()
    assert len(header) == HEADER_BYTES
    assert header[:16] == b"MLVPACK\0" + struct.pack("<II", 1, 0)
    assert is_header(header)
    assert new_header() != header


@pytest.mark.parametrize(
    ("offset", "replacement"), [(0, b"MLVPACK1"), (8, b"\2"), (12, b"\1"), (15, b"\1")]
)
def test_header_of_another_form_is_not_known(offset: int, replacement: bytes) -> None:
    data = bytearray(new_header())
    data[offset : offset + len(replacement)] = replacement
    assert not is_header(bytes(data))


@pytest.mark.parametrize("length", [0, 31, 33])
def test_header_of_another_length_is_not_known(length: int) -> None:
    assert not is_header((new_header() + b"\0")[:length])


@PURE
@given(ENTRIES)
def test_record_header_reads_back(entry: PackEntry) -> None:
    encoded = encode_record_header(*each_field(entry))
    assert len(encoded) == RECORD_BYTES
    assert decode_record_header(encoded, entry.offset) == entry


def test_record_header_is_laid_out_as_documented() -> None:
    expected = b"MLVR\1\0\0\0" + struct.pack("<QQ", 4, 5) + key(b"data") + bytes(4)
    assert encode_record_header(*each_field(ENTRY)) == _seal(expected)


@pytest.mark.parametrize("offset", range(RECORD_BYTES))
def test_record_header_with_any_byte_changed_is_refused(offset: int) -> None:
    data = bytearray(encode_record_header(*each_field(ENTRY)))
    data[offset] ^= 1
    with pytest.raises(ValueError, match="no header of a record at offset 7"):
        decode_record_header(bytes(data), 7)


@pytest.mark.parametrize(
    ("offset", "value"),
    [(0, b"N"), (4, b"\0"), (4, b"\3"), (5, b"\2"), (6, b"\1"), (7, b"\1"), (56, b"\1")],
)
def test_record_header_with_a_field_out_of_range_is_refused(offset: int, value: bytes) -> None:
    head = bytearray(encode_record_header(*each_field(ENTRY))[:60])
    head[offset : offset + 1] = value
    with pytest.raises(ValueError, match="the header of the record at offset 7 is of an unknown"):
        decode_record_header(_seal(bytes(head)), 7)


@pytest.mark.parametrize("length", [0, 63, 65])
def test_record_header_of_another_length_is_refused(length: int) -> None:
    encoded = encode_record_header(*each_field(ENTRY)) + b"\0"
    with pytest.raises(ValueError, match="no header"):
        decode_record_header(encoded[:length], 0)


@PURE
@given(st.lists(ENTRIES, unique_by=lambda entry: entry.digest), U64.filter(lambda n: n < 2**62))
def test_index_reads_back(entries: list[PackEntry], offset: int) -> None:
    index = _decode_index(encode_index(entries, offset=offset), offset)
    in_order = sorted(entries, key=lambda entry: entry.digest)
    assert len(index) == len(entries)
    assert list(index.entries()) == in_order
    assert index.digests() == [entry.digest for entry in in_order]
    assert [index.find(entry.digest) for entry in entries] == entries
    assert [index.entry(number) for number in range(len(entries))] == in_order


@pytest.mark.parametrize("first", [0, 1, 127, 255])
def test_index_finds_among_digests_that_begin_alike(first: int) -> None:
    digests = [bytes((first, second)) + bytes(30) for second in range(0, 256, 2)]
    entries = [PackEntry(digest, 32, 1, 1, DATA, RAW) for digest in digests]
    index = _decode_index(encode_index(entries, offset=40), 40)
    assert [index.find(entry.digest) for entry in entries] == entries
    absent = [bytes((first, second)) + bytes(30) for second in range(1, 256, 2)]
    absent += [bytes((other,)) + bytes(31) for other in range(256) if other != first]
    assert {index.find(digest) for digest in absent} == {None}


def test_index_is_laid_out_as_documented() -> None:
    encoded = encode_index([ENTRY], offset=100)
    first = key(b"data")[0]
    index = struct.pack("<256I", *[int(byte >= first) for byte in range(256)])
    index += key(b"data") + struct.pack("<QQQBB6x", 32, 4, 5, 1, 0)
    trailer = struct.pack("<QQ", 100, 1) + blake3(index).digest() + bytes(8) + b"MLVPEND\0"
    assert encoded == index + trailer


@pytest.mark.parametrize("offset", [*range(16), *range(48, 64)])
def test_trailer_with_any_byte_changed_is_refused(offset: int) -> None:
    encoded = bytearray(encode_index([ENTRY], offset=100))
    n_bytes = 100 + len(encoded)
    encoded[offset - TRAILER_BYTES] ^= 1
    with pytest.raises(ValueError, match="the trailer of the pack is damaged"):
        decode_trailer(bytes(encoded[-TRAILER_BYTES:]), n_bytes)


@pytest.mark.parametrize("length", [0, 63, 65])
def test_trailer_of_another_length_is_refused(length: int) -> None:
    encoded = encode_index([ENTRY], offset=100)
    with pytest.raises(ValueError, match="the trailer of the pack is damaged"):
        decode_trailer(encoded[len(encoded) - length :], 100 + len(encoded))


@pytest.mark.parametrize("difference", [-1, 1, 64])
def test_trailer_of_a_pack_of_another_length_is_refused(difference: int) -> None:
    encoded = encode_index([ENTRY], offset=100)
    with pytest.raises(ValueError, match="the trailer of the pack is damaged"):
        decode_trailer(encoded[-TRAILER_BYTES:], 100 + len(encoded) + difference)


@pytest.mark.parametrize("offset", [0, 3, 1023, 1024, 1056, 1080, 1087])
def test_index_with_any_byte_changed_is_refused(offset: int) -> None:
    encoded = bytearray(encode_index([ENTRY], offset=100))
    encoded[offset] ^= 1
    with pytest.raises(ValueError, match="the index of the pack is damaged"):
        _decode_index(bytes(encoded), 100)


@pytest.mark.parametrize(
    "fanout",
    [
        [0] * 256,
        [2] * 256,
        [1, 0] + [1] * 254,
        [2**32 - 1] * 255 + [1],
    ],
    ids=["too few", "too many", "falling", "overflowing"],
)
def test_index_whose_fan_out_does_not_count_is_refused(fanout: list[int]) -> None:
    data = struct.pack("<256I", *fanout) + bytes(ENTRY_BYTES)
    with pytest.raises(ValueError, match="does not count its entries"):
        PackIndex(data, blake3(data).digest())


@pytest.mark.parametrize("length", [0, 1023, 1025, 1087])
def test_index_that_is_cut_short_is_refused(length: int) -> None:
    data = bytes(length)
    with pytest.raises(ValueError, match="does not count its entries"):
        PackIndex(data, blake3(data).digest())


@PURE
@given(st.binary(max_size=80), U64)
def test_any_bytes_are_read_or_refused(data: bytes, number: int) -> None:
    with suppress(ValueError):
        decode_record_header(data, number)
    with suppress(ValueError):
        decode_record_header(_seal(data[:60].ljust(60, b"\0")), number)
    with suppress(ValueError):
        decode_trailer(data, number)
    with suppress(ValueError):
        PackIndex(data, blake3(data).digest())


@PURE
@given(
    st.lists(st.integers(0, 2**32 - 1), min_size=256, max_size=256).map(sorted),
    st.binary(max_size=200),
    st.binary(min_size=32, max_size=32),
)
def test_any_index_is_searched_or_refused(fanout: list[int], rows: bytes, digest: bytes) -> None:
    rows = rows[: len(rows) // ENTRY_BYTES * ENTRY_BYTES]
    n_rows = len(rows) // ENTRY_BYTES
    counts = [min(count, n_rows) for count in fanout[:-1]]
    data = struct.pack("<256I", *counts, n_rows) + rows
    found = PackIndex(data, blake3(data).digest()).find(digest)
    assert found is None or found.digest == digest
