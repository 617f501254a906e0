"""The live journal of a run: what a training script logs, safe the moment it is written.

What is logged reaches the file within 250 ms, and the disk within 5 s. Nothing here raises
into the training script or waits for the disk longer than one write.

This module needs the standard library alone, and imports little of it.
"""

# ruff: noqa: ANN401, PTH100, PTH118
# Values are whatever the user logs; `pathlib` costs too much here; Python 3.8 must do.

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import time

from mlv.capture.journal.backlog import Backlog
from mlv.capture.journal.events import encode_event
from mlv.capture.journal.file import FLOAT_POINT, SERIES_DIRECTORY, JournalFile
from mlv.capture.journal.numbers import LEAST_INT, MOST_INT, pack_point, whole_step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

_FLUSH_INTERVAL_S = 0.1
_FLUSH_INTERVAL_NS = 100_000_000
_SYNC_INTERVAL_S = 5.0
_FLUSH_BYTES = 64 * 1024
_MAX_CAUSES = 20
_MAX_CAUSE_LENGTH = 200

_pack_float = FLOAT_POINT.pack


class JournalWriter:
    """Writes the journal of one process; may be used from several threads and after a fork.

    Attributes:
        problems: How many values could not be logged.

    Args:
        live: Directory of the run.
    """

    def __init__(self, live: str) -> None:
        self.problems = 0
        directory = os.path.join(live, SERIES_DIRECTORY)
        self._backlog = Backlog(lambda: JournalFile(directory))
        # Re-entrant, because a signal handler may log while the main thread logs.
        self._lock = threading.RLock()
        self._busy = False
        self._postponed: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self._next_step = 0
        self._flushed_ns = 0
        self._thread: threading.Thread | None = None
        self._syncing: threading.Thread | None = None
        self._causes: set[str] = set()
        self._told = 0
        self._pid = 0
        self._stop = threading.Event()
        _writers.append(self)
        atexit.register(self.close)

    def log(self, values: Mapping[str, Any], step: int | None = None) -> None:
        """Append one point to each series named in `values`.

        Args:
            values: Numbers by name; whatever `float()` takes, NumPy and torch scalars too.
            step: Any whole number; None for the one after the last.
        """
        now = time.time_ns()
        with self._lock:
            if self._busy:
                self._postpone(self._log, dict(values), step, now)
                return
            self._busy = True
            try:
                self._log(values, step, now)
                if self._postponed:
                    self._catch_up()
            finally:
                self._busy = False

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Add params; a nested one with the same name replaces the earlier one."""
        self._add_event("params", dict(params))

    def log_summary(self, values: Mapping[str, Any]) -> None:
        """Set metrics that have one value and no steps."""
        self._add_event("summary", dict(values))

    def add_tags(self, tags: Iterable[str]) -> None:
        """Add tags to the run."""
        self._add_event("tags", list(tags))

    def set_name(self, name: str) -> None:
        """Name the run."""
        self._add_event("name", name)

    def set_note(self, note: str) -> None:
        """Replace the note of the run."""
        self._add_event("note", note)

    def add_artifact(self, path: str) -> None:
        """Declare a file or directory as an output of the run."""
        self._add_event("artifact", os.path.abspath(path))

    def rewind(self, step: int) -> None:
        """Go back to `step`: what was logged so far of it and of later steps is hidden."""
        try:
            whole = whole_step(step)
        except Exception as error:  # noqa: BLE001
            self._do(self._note_problem, f"cannot go back to step {step!r}: {error}")
            return
        self._add_event("rewind", {"step": whole})
        self._next_step = whole

    def resume(self, run: str, step: int | None = None) -> None:
        """Go on from an earlier run, of which the points before `step` count.

        Args:
            run: Reference of the run.
            step: None for the first step that this run logs, series by series.
        """
        self._add_event("resume", {"run": run, "step": step})
        if step is not None:
            self._next_step = step

    def flush(self) -> None:
        """Write what was logged so far."""
        self._do(self._flush)

    def close(self) -> None:
        """Write what was logged, durably; logging again opens the journal again."""
        self._stop_threads()
        with self._lock:
            if self.problems > self._told:
                self._told = self.problems
                self._do(self._add, "problem", f"{self.problems} values in all were not logged")
            self._do(self._flush)
            file, self._backlog.file = self._backlog.file, None
        if file is not None:
            file.sync()
            file.close()

    def _do(self, action: Callable[..., None], *arguments: Any) -> None:
        """Do something to the backlog, at once or after what a signal has interrupted."""
        with self._lock:
            if self._busy:
                self._postpone(action, *arguments)
                return
            self._busy = True
            try:
                action(*arguments)
                self._catch_up()
            finally:
                self._busy = False

    def _postpone(self, action: Callable[..., None], *arguments: Any) -> None:
        self._postponed.append((action, arguments))

    def _catch_up(self) -> None:
        while self._postponed:
            action, arguments = self._postponed.pop(0)
            action(*arguments)

    def _log(self, values: Mapping[str, Any], step: int | None, now: int) -> None:
        if step is None:
            step = self._next_step
        if type(step) is not int or not LEAST_INT <= step <= MOST_INT:
            try:
                step = whole_step(step)
            except Exception as error:  # noqa: BLE001
                self._note_problem(f"step {step!r}: {error}", f"step: {type(error)}")
                return
        self._next_step = step + 1
        points, ids = self._backlog.points, self._backlog.ids
        for name, value in values.items():
            try:
                series = ids.get(name) or self._backlog.add_series(name)
                if type(value) is float:
                    points += _pack_float(series, step, now, value)
                else:
                    points += pack_point(series, step, now, value)
            except Exception as error:  # noqa: BLE001
                # Anything at all may be passed, and none of it may stop the training.
                problem = f"metric {name!r} at step {step}: {error}"
                self._note_problem(problem, f"{name!r}: {type(error)}")
        # After a pause at once: nobody knows how long the next one is.
        if len(points) >= _FLUSH_BYTES or now - self._flushed_ns >= _FLUSH_INTERVAL_NS:
            self._flush()
        if self._thread is None:
            self._start_thread()

    def _add_event(self, kind: str, data: object) -> None:
        self._do(self._add, kind, data)

    def _add(self, kind: str, data: object) -> None:
        try:
            self._backlog.add_event(encode_event(kind, data))
        except Exception as error:  # noqa: BLE001
            # Whatever the conversion of a user's object raises stays here.
            self._note_problem(f"{kind}: {error}")
        self._flush()

    def _flush(self) -> None:
        self._backlog.write()
        self._flushed_ns = time.time_ns()

    def _note_problem(self, problem: str, cause: str = "") -> None:
        """Note why something was not logged, once for each cause."""
        self.problems += 1
        cause = (cause or problem)[:_MAX_CAUSE_LENGTH]
        if cause in self._causes or len(self._causes) >= _MAX_CAUSES:
            return
        self._causes.add(cause)
        self._told += 1
        if len(problem) > _MAX_CAUSE_LENGTH:
            problem = f"{problem[:_MAX_CAUSE_LENGTH]}..."
        self._backlog.add_event(encode_event("problem", f"not logged: {problem}"))
        if len(self._causes) > 1:
            return
        # As in the backlog: no warning may stop the training, whatever stands in for stderr.
        with contextlib.suppress(Exception):
            sys.stderr.write(f"mlv: not logged: {problem}\n")

    def _start_thread(self) -> None:
        if self._pid != os.getpid():
            self._pid = os.getpid()
            _flush_when_multiprocessing_ends(self)
        self._stop = threading.Event()
        thread = threading.Thread(
            target=self._run, args=(self._stop,), name="mlv-journal", daemon=True
        )
        try:
            thread.start()
            self._thread = thread
        except RuntimeError:  # no more threads, or the interpreter is shutting down
            self._flush()

    def _run(self, stop: threading.Event) -> None:
        synced_at = time.monotonic()
        while not stop.wait(_FLUSH_INTERVAL_S):
            self.flush()
            if time.monotonic() - synced_at >= _SYNC_INTERVAL_S:
                synced_at = time.monotonic()
                self._sync_aside()

    def _sync_aside(self) -> None:
        """Sync in a thread of its own: a slow disk must not hold up the writing."""
        file = self._backlog.file
        if file is None or (self._syncing is not None and self._syncing.is_alive()):
            return
        thread = threading.Thread(target=file.sync, name="mlv-journal-sync", daemon=True)
        with contextlib.suppress(RuntimeError):
            thread.start()
            self._syncing = thread

    def _stop_threads(self) -> None:
        thread, self._thread = self._thread, None
        syncing, self._syncing = self._syncing, None
        self._stop.set()
        for each in (thread, syncing):
            if each is not None and each is not threading.current_thread():
                each.join(timeout=1.0)

    def _before_fork(self) -> None:
        # A process with a second thread is warned of forking since Python 3.12.
        self._stop_threads()
        self._lock.acquire()
        self._do(self._flush)

    def _after_fork_in_parent(self) -> None:
        self._lock.release()

    def _after_fork_in_child(self) -> None:
        self._lock = threading.RLock()
        self._busy = False
        self._postponed = []
        self._thread = None
        self._syncing = None
        self._flushed_ns = 0
        self.problems = self._told = 0
        self._backlog.forget()


_writers: list[JournalWriter] = []


def _before_fork() -> None:
    for writer in _writers:
        writer._before_fork()  # noqa: SLF001


def _after_fork_in_parent() -> None:
    for writer in _writers:
        writer._after_fork_in_parent()  # noqa: SLF001


def _after_fork_in_child() -> None:
    for writer in _writers:
        writer._after_fork_in_child()  # noqa: SLF001


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)


def _flush_when_multiprocessing_ends(writer: JournalWriter) -> None:
    # Its children leave through `os._exit`, past `atexit`.
    util: Any = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.Finalize(None, writer.flush, exitpriority=0)
