"""Write event files as TensorBoard does, for tests of their reader."""

from __future__ import annotations

import struct
import time
from collections.abc import Mapping
from pathlib import Path

from mlv.capture.metrics.crc32c import masked_crc32c


def scalar_event(
    values: Mapping[str, float], step: int, *, time_s: float | None = None, as_tensor: bool = False
) -> bytes:
    """Return an event with scalars, as `simple_value` or as tensors of float64."""
    summary = b"".join(
        _field(1, _field(1, tag.encode()) + (_tensor(value) if as_tensor else _simple(value)))
        for tag, value in values.items()
    )
    return _head(step, time_s) + _field(5, summary)


def restart_event(step: int, *, time_s: float | None = None) -> bytes:
    """Return the event with which a writer goes back to a step."""
    return _head(step, time_s) + _field(7, b"\x08\x01")


def version_event(*, time_s: float | None = None) -> bytes:
    """Return the event that a file begins with."""
    return _head(0, time_s) + _field(3, b"brain.Event:2")


def picture_event(size_bytes: int) -> bytes:
    """Return an event with something else than a scalar."""
    return _head(0, None) + _field(5, _field(1, _field(1, b"image") + _field(4, bytes(size_bytes))))


def write_events(directory: Path, *events: bytes, name: str = "0") -> Path:
    """Write a file of events into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"events.out.tfevents.{name}"
    path.write_bytes(b"".join(map(_record, events)))
    return path


def _record(event: bytes) -> bytes:
    length = struct.pack("<Q", len(event))
    checksums = [struct.pack("<I", masked_crc32c(part)) for part in (length, event)]
    return length + checksums[0] + event + checksums[1]


def _head(step: int, time_s: float | None) -> bytes:
    moment = time.time() if time_s is None else time_s
    return b"\x09" + struct.pack("<d", moment) + b"\x10" + _varint(step)


def _simple(value: float) -> bytes:
    return b"\x15" + struct.pack("<f", value)


def _tensor(value: float) -> bytes:
    return _field(8, b"\x08\x02" + _field(2, b"") + _field(6, struct.pack("<d", value)))


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    octets = bytearray()
    while number >= 0x80:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*octets, number])
