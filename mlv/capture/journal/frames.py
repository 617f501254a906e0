"""Read the frames of a journal file, from anywhere on, as far as they are whole."""

from __future__ import annotations

import json
import zlib
from typing import Any

from mlv.capture.journal.file import FLOAT_POINT, FORMAT, FRAME, KEY, LOST

Event = dict[str, Any]
"""An event as it was logged: `kind`, `time_ns`, and `data`."""


class FileContent:
    """What one process wrote, as far as it was read.

    Attributes:
        end: How many bytes of the file were read.
        foreign: Whether the file is of a format that is not known here.
        names: Names of the series by number.
        points: Packed points, in the order in which they were logged.
        n_points: How many those are.
        events: Events, each after how many points it came.
        lost: How many points and events the disk did not take.
    """

    def __init__(self) -> None:
        self.end = 0
        self.foreign = False
        self.names: dict[int, str] = {}
        self.points: list[memoryview] = []
        self.n_points = 0
        self.events: list[tuple[int, Event]] = []
        self.lost = (0, 0)

    def read(self, data: bytes) -> None:
        """Read the frames of `data`, which begins where the last reading ended."""
        view = memoryview(data)
        position = 0
        while position + FRAME.size < len(data):
            length, checksum = FRAME.unpack_from(data, position)
            start = position + FRAME.size
            payload = view[start : start + length]
            if not length or len(payload) < length or zlib.crc32(payload) != checksum:
                break
            self._add(payload)
            position = start + length
        self.end += position

    def _add(self, payload: memoryview) -> None:
        kind, body = payload[0], payload[1:]
        if kind == ord("H"):
            self.foreign |= json.loads(bytes(body)).get("format") != FORMAT
        if self.foreign:
            return
        if kind == ord("P"):
            self.points.append(body)
            self.n_points += len(body) // FLOAT_POINT.size
        elif kind == ord("K"):
            self.names[KEY.unpack_from(body)[0]] = str(body[KEY.size :], "utf-8")
        elif kind == ord("E"):
            self.events.append((self.n_points, json.loads(bytes(body))))
        elif kind == ord("L"):
            self.lost = LOST.unpack(body)
