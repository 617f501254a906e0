"""Progress bars on a terminal, for work that takes more than a second."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mlv.app.reporter import Unit
from mlv.cli.render.output import format_size

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

_PATIENCE_S = 1.0
_REFRESH_S = 0.1


def shows_progress() -> bool:
    """Tell whether standard error is a terminal that somebody watches."""
    return sys.stderr.isatty() and not os.environ.get("CI") and os.environ.get("TERM") != "dumb"


@contextmanager
def shown_progress(what: str, total: int | None, unit: Unit) -> Iterator[ShownProgress]:
    """Show a bar with rate and time left, once the block has taken a second."""
    progress = ShownProgress(what, total, unit)
    painter = threading.Thread(target=progress.paint, daemon=True)
    painter.start()
    try:
        yield progress
    finally:
        progress.ended.set()
        painter.join()


class ShownProgress:
    """Counts what is done, and paints it in a thread of its own.

    Attributes:
        ended: Set when there is nothing more to come.
    """

    def __init__(self, what: str, total: int | None, unit: Unit) -> None:
        self.ended = threading.Event()
        self._what = what
        self._total = total
        self._unit = unit
        self._done = 0
        self._began_s = time.monotonic()

    def advance(self, n: int) -> None:
        """Count `n` more."""
        self._done += n

    def paint(self) -> None:
        """Paint until the end, unless that comes within a second."""
        if self.ended.wait(_PATIENCE_S):
            return
        with _open_bar() as bar:
            task = bar.add_task(self._what, total=self._total, count="", rate="")
            while not self.ended.wait(_REFRESH_S):
                done = self._done
                rate = done / (time.monotonic() - self._began_s)
                shown_rate = f"{self._format(round(rate))}/s" if done else ""
                bar.update(task, completed=done, count=self._count(done), rate=shown_rate)
                bar.refresh()

    def _count(self, done: int) -> str:
        if self._total is None:
            return self._format(done)
        total = self._format(self._total)
        return (
            f"{done:,} of {total}" if self._unit == "files" else f"{format_size(done)} of {total}"
        )

    def _format(self, count: int) -> str:
        return format_size(count) if self._unit == "bytes" else f"{count:,} files"


def _open_bar() -> RichProgress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[count]}", markup=False),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        auto_refresh=False,
    )
