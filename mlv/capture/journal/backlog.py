"""What a writer of a journal has yet to write, and what the disk would not take.

This module needs the standard library alone.
"""

from __future__ import annotations

import contextlib
import sys

from mlv.capture.journal.file import FLOAT_POINT, JournalFile, frame, key_payload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BACKLOG_BYTES = 64 * 1024 * 1024
"""What is kept in memory while the disk is full; points that come after are lost."""


class Backlog:
    """Collects points and frames, and writes them; may be used by one thread at a time.

    Attributes:
        points: Packed points that are in no frame yet.
        ids: Number of each series.

    Args:
        open_file: Makes a new file to write to.
    """

    def __init__(self, open_file: Callable[[], JournalFile]) -> None:
        self.points = bytearray()
        self.ids: dict[str, int] = {}
        self.file: JournalFile | None = None
        self._open_file = open_file
        self._frames = bytearray()
        self._waiting = [0, 0]  # points and events in `_frames`
        self._lost = 0
        self._failing = False

    def add_series(self, name: object) -> int:
        """Return the number of a series, a new one for one that is not known."""
        text = name if isinstance(name, str) else str(name)
        series = self.ids.get(text)
        if series is None:
            series = len(self.ids) + 1
            self._add_frame(key_payload(series, text))
            self.ids[text] = series
        return series

    def add_event(self, event: bytes) -> None:
        """Add an event, after all points so far."""
        self._add_frame(b"E" + event)
        self._waiting[1] += 1

    def write(self) -> None:
        """Write everything; what the disk does not take now is tried again next time."""
        if len(self._frames) >= MAX_BACKLOG_BYTES:
            self._write_frames()  # if that works now, nothing more has to be lost
        self._close_frame()
        self._write_frames()

    def forget(self) -> None:
        """Drop everything without writing it, and close the file: in the child of a fork."""
        self.points.clear()
        self._frames.clear()
        self._waiting = [0, 0]
        self._lost = 0
        self._failing = False
        file, self.file = self.file, None
        if file is not None:
            file.close()

    def _write_frames(self) -> None:
        if not self._frames:
            return
        try:
            if self.file is None or not self.file.is_ours():
                self.file = self._open_file()
                keys = b"".join(
                    frame(key_payload(number, name)) for name, number in self.ids.items()
                )
                self._frames[:0] = self.file.preamble + keys
            self.file.write(self._frames)
        except OSError as error:
            self._note_failure(error)
            return
        self._waiting = [0, 0]
        if self._failing:
            self._failing = False
            self._note_lost()

    def _add_frame(self, payload: bytes) -> None:
        self._close_frame()
        self._frames += frame(payload)

    def _close_frame(self) -> None:
        if not self.points:
            return
        n_points = len(self.points) // FLOAT_POINT.size
        if len(self._frames) < MAX_BACKLOG_BYTES:
            self._frames += frame(b"P" + self.points)
            self._waiting[0] += n_points
        else:
            self._lost += n_points
        self.points.clear()

    def _note_failure(self, error: OSError) -> None:
        if not self._failing:
            self._failing = True
            # Not through `warnings`: under `-W error` that would stop the training.
            # The training goes on, with or without a terminal, whatever stands in for one.
            with contextlib.suppress(Exception):
                sys.stderr.write(f"mlv: cannot write what is logged: {error.strerror}\n")
        self._note_lost()

    def _note_lost(self) -> None:
        # What waits is lost if the process ends now, so it counts until it is written.
        if self.file is not None:
            self.file.note_lost(self._lost + self._waiting[0], self._waiting[1])
