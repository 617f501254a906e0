"""The few fields of TensorBoard's `Event` message that scalars need.

Source: event.proto, summary.proto and tensor.proto of TensorBoard; the encoding is that of
Protocol Buffers, https://protobuf.dev/programming-guides/encoding.
"""

# ruff: noqa: PLR2004
# Fields have numbers; the protocol has no other names for them.

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec

_DOUBLE = struct.Struct("<d")
_FLOAT = struct.Struct("<f")
_SESSION_START = 1
_MOST_VARINT_BITS = 64

_Field = int | memoryview
"""A number of variable length, or the bytes of anything else."""

_LETTERS = {1: "f", 2: "d", 3: "i", 9: "q", 19: "e"}
"""How `struct` calls each type of number that a tensor may hold."""

_LISTS = {5: "f", 6: "d", 7: "", 10: ""}
"""The same for fields of a tensor with numbers in them; empty for those of variable length."""


class ScalarEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What an event says of scalars.

    Attributes:
        time_s: Seconds since 1970.
        step: The step.
        scalars: Tag and value.
        restarts: Whether the writer went back to `step`.
    """

    time_s: float
    step: int
    scalars: tuple[tuple[str, float], ...]
    restarts: bool = False


def parse_event(data: memoryview) -> ScalarEvent:
    """Return what an `Event` says of scalars; everything else is passed over.

    Raises:
        ValueError: It is malformed.
    """
    time_s, step, restarts = 0.0, 0, False
    scalars: list[tuple[str, float]] = []
    try:
        for number, field in _read_fields(data):
            if number == 1 and isinstance(field, memoryview):
                (time_s,) = _DOUBLE.unpack(field)
            elif number == 2 and isinstance(field, int):
                step = _signed(field)
            elif number == 5 and isinstance(field, memoryview):
                scalars += _parse_summary(field)
            elif number == 7 and isinstance(field, memoryview):
                restarts = (1, _SESSION_START) in _read_fields(field)
    except (IndexError, struct.error) as error:
        raise ValueError(str(error)) from error
    return ScalarEvent(time_s=time_s, step=step, scalars=tuple(scalars), restarts=restarts)


def _parse_summary(data: memoryview) -> Iterator[tuple[str, float]]:
    for number, field in _read_fields(data):
        if number == 1 and isinstance(field, memoryview):
            tag, value = "", None
            for inner, content in _read_fields(field):
                if not isinstance(content, memoryview):
                    continue
                if inner == 1:
                    tag = str(content, "utf-8", "backslashreplace")
                elif inner == 2:
                    (value,) = _FLOAT.unpack(content)
                elif inner == 8:
                    value = _parse_tensor(content)
            if value is not None:
                yield tag, value


def _parse_tensor(data: memoryview) -> float | None:
    """Return the number in a tensor without dimensions; None for any other tensor."""
    fields = dict(_read_fields(data))
    shape, kind, content = fields.get(2, b""), fields.get(1), fields.get(4)
    if not isinstance(shape, int) and any(number == 2 for number, _ in _read_fields(shape)):
        return None
    letter = _LETTERS.get(kind) if isinstance(kind, int) else None
    if letter is not None and isinstance(content, memoryview):
        return _unpack_only(letter, content)
    for number, letter in _LISTS.items():
        values = fields.get(number)
        if isinstance(values, memoryview) and letter:
            return _unpack_only(letter, values)
        if isinstance(values, memoryview):
            whole, end = _read_varint(values, 0)
            return _signed(whole) if end == len(values) else None
        if isinstance(values, int):
            return _signed(values)
    return None


def _unpack_only(letter: str, data: memoryview) -> float | None:
    layout = struct.Struct(f"<{letter}")
    if len(data) != layout.size:
        return None
    value: float = layout.unpack(data)[0]
    return value


def _read_fields(data: memoryview | bytes) -> Iterator[tuple[int, _Field]]:
    position, end = 0, len(data)
    while position < end:
        key, position = _read_varint(data, position)
        kind = key & 7
        if kind == 0:
            number, position = _read_varint(data, position)
            yield key >> 3, number
            continue
        if kind == 2:
            length, position = _read_varint(data, position)
        else:
            length = {1: 8, 5: 4}.get(kind, -1)
        if length < 0 or position + length > end:
            message = f"a field of kind {kind} and {length} bytes"
            raise ValueError(message)
        yield key >> 3, memoryview(data)[position : position + length]
        position += length


def _read_varint(data: memoryview | bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[position]
        number |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return number, position
        shift += 7
        if shift > _MOST_VARINT_BITS:
            message = "a number of more than 64 bits"
            raise ValueError(message)


def _signed(number: int) -> int:
    """Return a number as an int64 is written: a negative one counts down from 2**64."""
    number &= (1 << 64) - 1
    return number - (1 << 64) if number >> 63 else number
