"""Bytes without a pattern, the same every time."""

from __future__ import annotations

from blake3 import blake3


def noise(seed: int, n_bytes: int) -> bytes:
    """Return bytes that do not compress.

    >>> noise(1, 3).hex()
    'd63bd9'
    """
    return blake3(b"%d" % seed).digest(length=n_bytes)
