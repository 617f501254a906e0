"""The digits of a run's id: 48 bits of time in milliseconds, then 80 random bits.

They are 26 digits of Crockford's base 32, in lower case, so that ids sort by time. This module
needs the standard library alone: a training script makes the ids of nested runs itself.

Source: https://github.com/ulid/spec
"""

from __future__ import annotations

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_N_DIGITS = 26
_N_RANDOM_BYTES = 10


def encode_ulid(time_ms: int, randomness: bytes) -> str:
    """Return the ULID of a moment, milliseconds since 1970.

    Args:
        time_ms: Below 2**48.
        randomness: Exactly 10 bytes.

    Raises:
        ValueError: One of them is out of range.
    """
    if len(randomness) != _N_RANDOM_BYTES or not 0 <= time_ms < 1 << 48:
        message = "a run id takes 48 bits of time and 10 random bytes"
        raise ValueError(message)
    number = time_ms << 80 | int.from_bytes(randomness, "big")
    return "".join(_DIGITS[number >> 5 * place & 31] for place in range(_N_DIGITS - 1, -1, -1))
