from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from mlv.store.recipes import Chunk, decode_recipe, encode_recipe
from tests.property.profile import PURE
from tests.unit.store.pack_builders import key

CHUNKS = (Chunk(key(b"a"), 3), Chunk(key(b"b"), 4), Chunk(key(b"a"), 3))


@PURE
@given(
    st.lists(
        st.builds(Chunk, st.binary(min_size=32, max_size=32), st.integers(1, 2**64 - 1)),
        max_size=20,
    )
)
def test_recipe_reads_back(chunks: list[Chunk]) -> None:
    size = sum(chunk.size for chunk in chunks)
    assert decode_recipe(encode_recipe(chunks), size=size) == tuple(chunks)


def test_recipe_is_laid_out_as_documented() -> None:
    rows = b"".join(struct.pack("<32sQ", chunk.digest, chunk.size) for chunk in CHUNKS)
    assert encode_recipe(CHUNKS) == blake3(rows).digest() + rows


@pytest.mark.parametrize("offset", [0, 31, 32, 63, 64, 71, 151])
def test_recipe_with_any_byte_changed_is_refused(offset: int) -> None:
    data = bytearray(encode_recipe(CHUNKS))
    data[offset] ^= 1
    with pytest.raises(ValueError, match="the recipe is damaged"):
        decode_recipe(bytes(data), size=10)


@pytest.mark.parametrize("length", [0, 31, 33, 71, 73, 151])
def test_recipe_that_is_cut_short_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="the recipe is damaged"):
        decode_recipe(encode_recipe(CHUNKS)[:length], size=10)


def test_recipe_with_half_a_row_is_refused_although_its_hash_is_right() -> None:
    rows = bytes(39)
    with pytest.raises(ValueError, match="the recipe is damaged"):
        decode_recipe(blake3(rows).digest() + rows, size=0)


@pytest.mark.parametrize("size", [0, 9, 11, 2**64])
def test_recipe_for_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"the recipe does not make {size} bytes"):
        decode_recipe(encode_recipe(CHUNKS), size=size)


@PURE
@given(st.binary(max_size=200), st.integers(0, 1000))
def test_any_bytes_are_read_or_refused(data: bytes, size: int) -> None:
    with suppress(ValueError):
        decode_recipe(data, size=size)
    with suppress(ValueError):
        decode_recipe(blake3(data).digest() + data, size=size)
