"""Digests: the names of objects."""

from __future__ import annotations

import re
from typing import Annotated, NewType

import msgspec
from blake3 import blake3

Digest = NewType("Digest", str)
"""BLAKE3-256 of an object's bytes: 64 lower-case hex digits, what `b3sum` prints."""

DIGEST_PATTERN = r"^[0-9a-f]{64}\Z"

DigestField = Annotated[Digest, msgspec.Meta(pattern=DIGEST_PATTERN)]
"""A `Digest` that msgspec checks when it decodes a record."""

_DIGEST = re.compile(DIGEST_PATTERN)


def digest_of(data: bytes) -> Digest:
    """Return the digest of `data`.

    >>> digest_of(b"")[:16]
    'af1349b9f5f9a1a6'

    Source: docs/reference/store-format.md, "Digests".
    """
    return Digest(blake3(data).hexdigest())


def parse_digest(text: str) -> Digest:
    """Return `text` as a digest.

    Raises:
        ValueError: `text` is not 64 lower-case hex digits.
    """
    if not _DIGEST.match(text):
        message = f"{text!r} is not a digest: expected 64 lower-case hex digits"
        raise ValueError(message)
    return Digest(text)
