"""Read the scalars of TensorBoard's event files, without TensorBoard.

A file is a row of TFRecords: length (u64), its masked CRC-32C, an `Event`, its masked CRC-32C.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mlv.capture.journal.file import FLOAT_POINT, INT_FLAG, INT_POINT
from mlv.capture.journal.frames import FileContent
from mlv.capture.journal.point_frames import merge_points
from mlv.capture.journal.points import Points
from mlv.capture.metrics.crc32c import masked_crc32c, masked_crc32c_of_rows
from mlv.capture.metrics.event_message import ScalarEvent, parse_event
from mlv.errors import StorageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_HEADER = struct.Struct("<QI")
_CHECKSUM = struct.Struct("<I")
_FEW = 64
"""The checksums of more records are computed together."""

_LATEST_S = 9e9
_LARGE = 64 * 1024
"""Larger records hold pictures and the like; they are not looked into."""


class EventSeries(msgspec.Struct, frozen=True, kw_only=True):
    """The scalars of a directory.

    Attributes:
        series: Points by tag; in a directory below, its path comes before the tag.
        hidden: Points that a writer went back behind.
        problems: What could not be read.
    """

    series: dict[str, Points]
    hidden: dict[str, Points]
    problems: tuple[str, ...]


def read_event_files(directory: Path, *, since_ns: int) -> EventSeries:
    """Return the scalars that were logged below a directory since a moment.

    A file that begins later counts as a whole; of an older one, the events that are newer.

    Args:
        directory: Where to look; it need not exist.
        since_ns: Nanoseconds since 1970.

    Raises:
        StorageError: A file cannot be read.
    """
    series: dict[str, Points] = {}
    hidden: dict[str, Points] = {}
    problems: list[str] = []
    for place, paths in _find_files(directory, since_ns).items():
        contents = []
        for path in paths:
            try:
                data = _map(path)
            except OSError as error:
                raise StorageError(f"cannot read {str(path)!r}: {error.strerror}") from error
            content = _read_file(data, since_ns)
            if content.end != len(data):
                rest = len(data) - content.end
                problems.append(f"the last {rest} bytes of {path.name} are damaged")
            contents.append(content)
        prefix = "" if place == "." else f"{place}/"
        merged = merge_points(contents)
        series |= {prefix + tag: points for tag, points in merged.series.items()}
        hidden |= {prefix + tag: points for tag, points in merged.hidden.items()}
    return EventSeries(series=series, hidden=hidden, problems=tuple(problems))


def _find_files(directory: Path, since_ns: int) -> dict[str, list[Path]]:
    """Return the event files that changed since a moment, by directory."""
    found: dict[str, list[Path]] = {}
    for path in sorted(directory.rglob("*tfevents*")):
        if path.is_file() and path.stat().st_mtime_ns >= since_ns:
            place = path.parent.relative_to(directory).as_posix()
            found.setdefault(place, []).append(path)
    return found


def _map(path: Path) -> bytes | mmap.mmap:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        return mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) if size else b""


def _read_file(data: bytes | mmap.mmap, since_ns: int) -> FileContent:
    """Return the scalars of a file as the journal of a process would hold them."""
    content = FileContent()
    records = _find_records(data)
    good = _count_good(data, records)
    points = bytearray()
    numbers: dict[str, int] = {}
    all_new: bool | None = None
    for start, length in records[:good]:
        if length <= _LARGE:
            try:
                event = parse_event(memoryview(data[start : start + length]))
            except ValueError:
                break
            time_ns = _nanoseconds(event.time_s)
            all_new = time_ns >= since_ns if all_new is None else all_new
            if all_new or time_ns >= since_ns:
                _add(content, points, numbers, event, time_ns)
        content.end = start + length + _CHECKSUM.size
    content.names = {number: tag for tag, number in numbers.items()}
    content.points = [memoryview(points)]
    return content


def _add(
    content: FileContent,
    points: bytearray,
    numbers: dict[str, int],
    event: ScalarEvent,
    time_ns: int,
) -> None:
    if event.restarts:
        rewind = {"kind": "rewind", "time_ns": time_ns, "data": {"step": event.step}}
        content.events.append((content.n_points, rewind))
    for tag, value in event.scalars:
        series = numbers.setdefault(tag, len(numbers) + 1)
        if isinstance(value, int):
            points += INT_POINT.pack(series | INT_FLAG, event.step, time_ns, value)
        else:
            points += FLOAT_POINT.pack(series, event.step, time_ns, value)
        content.n_points += 1


def _nanoseconds(time_s: float) -> int:
    """Return a moment in nanoseconds; 0 for one that no clock has shown."""
    return int(time_s * 1e9) if 0 <= time_s < _LATEST_S else 0


_Record = tuple[int, int]
"""Start and length of an event."""


def _find_records(data: bytes | mmap.mmap) -> list[_Record]:
    """Return the records that are there as a whole, whether or not their bytes are right."""
    records = []
    position = 0
    while position + _HEADER.size <= len(data):
        length, _ = _HEADER.unpack_from(data, position)
        start = position + _HEADER.size
        position = start + length + _CHECKSUM.size
        if position > len(data):
            break
        records.append((start, length))
    return records


def _count_good(data: bytes | mmap.mmap, records: Sequence[_Record]) -> int:
    """Return how many records come before the first with a wrong checksum."""
    if len(records) >= _FEW:
        return _count_good_together(data, records)
    for index, (start, length) in enumerate(records):
        head = data[start - _HEADER.size : start]
        if masked_crc32c(head[:8]) != _CHECKSUM.unpack_from(head, 8)[0]:
            return index
        (checksum,) = _CHECKSUM.unpack_from(data, start + length)
        if length <= _LARGE and masked_crc32c(data[start : start + length]) != checksum:
            return index
    return len(records)


def _count_good_together(data: bytes | mmap.mmap, records: Sequence[_Record]) -> int:
    """Do the same with all records of one length at a time."""
    import numpy as np

    octets = np.frombuffer(data, np.uint8)
    starts, lengths = np.array(records, np.int64).T
    good = np.ones(len(records), np.bool_)

    def check(chosen: NDArray[np.bool_], offset: int, length: int) -> None:
        begins = starts[chosen] + offset
        rows = octets[begins[:, None] + np.arange(length + _CHECKSUM.size)]
        stored = np.ascontiguousarray(rows[:, length:]).view("<u4")[:, 0]
        good[chosen] &= masked_crc32c_of_rows(rows[:, :length]) == stored

    check(good.copy(), -_HEADER.size, _HEADER.size - _CHECKSUM.size)
    for length in np.unique(lengths[lengths <= _LARGE]).tolist():
        check(lengths == length, 0, length)
    return len(records) if good.all() else int(np.argmin(good))
