"""Read what a command printed, from anywhere on, while it is being kept.

A log is a head and segments while the command runs, and one file afterwards; see `kept_log`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from mlv.capture.execution.kept_log import LIMIT_BYTES

LEFT_OUT = b"\n[mlv: %d bytes left out here]\n"

_LEFT_OUT = re.compile(re.escape(LEFT_OUT).replace(b"%d", rb"(\d+)"))
_LONGEST_LINE = 64


class LogPart(msgspec.Struct, frozen=True, kw_only=True):
    """A part of what a command printed.

    Attributes:
        data: The bytes; a line says what is left out where some are not kept.
        end: Where the part ends, counted in all that was printed.
    """

    data: bytes
    end: int


class _Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A part of what was printed, and where it lies in a file."""

    start: int
    source: BinaryIO
    position: int
    size_bytes: int


def read_live_log(path: Path, offset: int) -> LogPart:
    """Return what was printed from `offset` on, as far as it is kept; nothing without a log.

    Args:
        path: The log of a run that goes on, or was lost.
        offset: Counted in bytes of all that was printed.
    """
    prefix = f"{path.name}."
    names = (each.name.removeprefix(prefix) for each in path.parent.glob(f"{prefix}*"))
    offsets = sorted(int(name) for name in names if name.isdecimal())
    opened: list[BinaryIO] = []
    try:
        # The head comes first: it is replaced by the whole before segments are removed.
        opened.append(path.open("rb"))
        opened += [path.with_name(f"{prefix}{each}").open("rb") for each in offsets]
        head = opened[0]
        if _size(head) > LIMIT_BYTES:
            return _read(_split_finished(head), offset)
        pieces = [
            _Piece(start=start, source=source, position=0, size_bytes=_size(source))
            for start, source in zip([0, *offsets], opened, strict=True)
        ]
        return _read(pieces, offset)
    except FileNotFoundError:
        return LogPart(data=b"", end=offset)  # it is being put together: the next look finds it
    finally:
        for file in opened:
            file.close()


def read_finished_log(data: bytes, offset: int) -> LogPart:
    """Return what was printed from `offset` on, from the log of a run that has ended."""
    return _read(_split_finished(io.BytesIO(data)), offset)


def _split_finished(file: BinaryIO) -> Iterator[_Piece]:
    size = _size(file)
    head = min(size, LIMIT_BYTES)
    yield _Piece(start=0, source=file, position=0, size_bytes=head)
    file.seek(head)
    gap = _LEFT_OUT.match(file.read(_LONGEST_LINE))
    start = head + (int(gap[1]) if gap else 0)
    position = head + (gap.end() if gap else 0)
    yield _Piece(start=start, source=file, position=position, size_bytes=size - position)


def _read(pieces: Iterator[_Piece] | list[_Piece], offset: int) -> LogPart:
    found = bytearray()
    end = offset
    for piece in pieces:
        if end < piece.start:
            found += LEFT_OUT % (piece.start - end)
            end = piece.start
        skip = end - piece.start
        if skip < piece.size_bytes:
            piece.source.seek(piece.position + skip)
            found += piece.source.read(piece.size_bytes - skip)
            end = piece.start + piece.size_bytes
    return LogPart(data=bytes(found), end=end)


def _size(file: BinaryIO) -> int:
    return file.seek(0, io.SEEK_END)
