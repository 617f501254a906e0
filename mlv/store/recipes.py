"""Recipes: the chunks of which a large blob is made, in order.

Source: docs/reference/store-format.md, "Recipes".
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec
from blake3 import blake3

_CHUNK = struct.Struct("<32sQ")
_HASH_BYTES = 32


class Chunk(msgspec.Struct, frozen=True):
    """A piece of a blob: digest, 32 bytes, and length."""

    digest: bytes
    size: int


def encode_recipe(chunks: Sequence[Chunk]) -> bytes:
    """Return the bytes of a recipe."""
    rows = b"".join([_CHUNK.pack(each.digest, each.size) for each in chunks])
    return blake3(rows).digest() + rows


def decode_recipe(data: bytes, *, size: int) -> tuple[Chunk, ...]:
    """Return the chunks of a recipe for a blob of `size` bytes.

    Raises:
        ValueError: `data` is no recipe, is damaged, or makes a blob of another size.
    """
    rows = data[_HASH_BYTES:]
    if blake3(rows).digest() != data[:_HASH_BYTES] or len(rows) % _CHUNK.size:
        message = "the recipe is damaged"
        raise ValueError(message)
    chunks = tuple([Chunk(*row) for row in _CHUNK.iter_unpack(rows)])
    if not all(chunk.size for chunk in chunks):
        message = "the recipe has an empty chunk"
        raise ValueError(message)
    if sum(chunk.size for chunk in chunks) != size:
        message = f"the recipe does not make {size} bytes"
        raise ValueError(message)
    return chunks
