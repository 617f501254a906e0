"""Count the work of scans and check-outs for a person who waits."""

from __future__ import annotations

from typing import Protocol

from mlv.app.reporter import Progress, Unit


class Counter(Protocol):
    """Takes how many more files, and bytes in them, are done."""

    def __call__(self, n_files: int, n_bytes: int) -> None:
        """Take the two numbers."""


def counter_of(progress: Progress, unit: Unit) -> Counter:
    """Return what takes files and bytes, and passes on those of one unit."""

    def count(n_files: int, n_bytes: int) -> None:
        progress.advance(n_files if unit == "files" else n_bytes)

    return count
