"""Follow the journal of a run while it grows: the newest value of each series."""

from __future__ import annotations

import struct
from pathlib import Path

import msgspec

from mlv.capture.journal.file import FLOAT_POINT, INT_FLAG
from mlv.capture.journal.frames import FileContent
from mlv.capture.journal.reader import find_journals

_WHOLE = struct.Struct("<q")
_FLOAT = struct.Struct("<d")


class NewestPoint(msgspec.Struct, frozen=True, kw_only=True):
    """The newest point of a series."""

    step: int
    time_ns: int
    value: float


class JournalTail:
    """Reads what was added since the last look.

    Attributes:
        newest: The newest point of each series, of all processes.

    Args:
        live: Directory of the run.
    """

    def __init__(self, live: Path) -> None:
        self.newest: dict[str, NewestPoint] = {}
        self._live = live
        self._contents: dict[Path, FileContent] = {}

    def read(self) -> None:
        """Look what was added; a run that was sealed meanwhile adds nothing."""
        for path in find_journals(self._live):
            content = self._contents.setdefault(path, FileContent())
            try:
                with path.open("rb") as file:
                    file.seek(content.end)
                    content.read(file.read())
            except FileNotFoundError:
                continue
            self._take(content)

    def _take(self, content: FileContent) -> None:
        rows = {row[0]: row for body in content.points for row in FLOAT_POINT.iter_unpack(body)}
        content.points.clear()
        for series, step, time_ns, value in rows.values():
            name = content.names[series & ~INT_FLAG]
            number = _WHOLE.unpack(_FLOAT.pack(value))[0] if series & INT_FLAG else value
            known = self.newest.get(name)
            if known is None or known.time_ns <= time_ns:
                self.newest[name] = NewestPoint(step=step, time_ns=time_ns, value=number)
