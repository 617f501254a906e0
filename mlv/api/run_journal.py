"""The journal of an active run."""

from __future__ import annotations

import os
import sys
import time

from mlv.capture.journal.writer import JournalWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


_imported_in = os.getpid()


class RunJournal(JournalWriter):
    """The journal of an active run.

    Attributes:
        directory: Of the run; that of a nested run lies in that of the run around it.
        hurries: Whether each call is written at once; None while that is not known.
    """

    def __init__(self, directory: str) -> None:
        super().__init__(directory)
        self.directory = directory
        self.hurries: bool | None = None

    def hurry(self) -> None:
        """Write what was logged, if this process may be killed at any moment.

        A pool of `multiprocessing` kills its workers as soon as it has their results, and what
        was forked by hand leaves by `os._exit`.
        """
        if self.hurries is None:
            process: Any = sys.modules.get("multiprocessing.process")
            if process is not None and process.parent_process() is not None:
                self.hurries = process.current_process().daemon
            else:
                self.hurries = os.getpid() != _imported_in
        if self.hurries:
            self.flush()

    def log_here(self, values: Mapping[str, Any], step: int | None) -> None:
        """Log metrics, and stay at the step: what comes next without one belongs to it."""
        with self._lock:
            step = self._next_step if step is None else step
            self.log(values, step)
            self._next_step = step

    def begin(self, name: str | None, *, parent: str) -> None:
        """Note that a nested run begins.

        Args:
            name: What it is called, if it was named.
            parent: Id of the run in which it was started, nested or not.
        """
        begin = {"name": name, "parent": parent, "time_ns": time.time_ns()}
        self._add_event("begin", begin)

    def end(self, *, failed: bool) -> None:
        """Note that a nested run has ended."""
        self._add_event("end", {"failed": failed, "time_ns": time.time_ns()})

    def _after_fork_in_child(self) -> None:
        super()._after_fork_in_child()
        self.hurries = None

    def add_problem(self, problem: str) -> None:
        """Note that something could not be logged."""
        self._do(self._note_at_once, problem)

    def _note_at_once(self, problem: str) -> None:
        self._note_problem(problem)
        self._flush()
