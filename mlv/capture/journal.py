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
import json
import operator
import os
import sys
import threading
import time

from mlv.capture.journal_file import (
    FLOAT_POINT,
    FORMAT,
    INT_FLAG,
    INT_POINT,
    SERIES_DIRECTORY,
    JournalFile,
    frame,
    key_payload,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

_FLUSH_INTERVAL_S = 0.25
_SYNC_INTERVAL_S = 5.0
_FLUSH_BYTES = 64 * 1024
_MAX_BACKLOG_BYTES = 64 * 1024 * 1024
"""What a writer keeps in memory while the disk is full; what comes after is lost."""


class JournalWriter:
    """Writes the journal of one process; may be used from several threads and after a fork.

    Attributes:
        problems: How many values could not be logged, or were lost to a failing disk.

    Args:
        live: Directory of the run.
    """

    def __init__(self, live: str) -> None:
        self.problems = 0
        self._directory = os.path.join(live, SERIES_DIRECTORY)
        # Re-entrant, because a signal handler may log while the main thread logs.
        self._lock = threading.RLock()
        self._ids: dict[str, int] = {}
        self._next_step = 0
        self._points = bytearray()
        self._frames = bytearray()
        self._file: JournalFile | None = None
        self._thread: threading.Thread | None = None
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
            try:
                step = self._next_step if step is None else operator.index(step)
                self._next_step = step + 1
            except TypeError as error:
                self._note_problem(f"step {step!r} is not a whole number: {error}")
                return
            for name, value in values.items():
                try:
                    series = self._ids.get(name) or self._add_series(name)
                    if type(value) is float:
                        self._points += FLOAT_POINT.pack(series, step, now, value)
                    else:
                        self._points += _pack(series, step, now, value)
                except Exception as error:  # noqa: BLE001
                    # Anything at all may be passed, and none of it may stop the training.
                    self._note_problem(f"metric {name!r} at step {step}: {error}")
            if len(self._points) >= _FLUSH_BYTES:
                self._flush()
            if self._thread is None:
                self._start_thread()

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

    def flush(self) -> None:
        """Write what was logged so far."""
        with self._lock:
            self._flush()

    def close(self) -> None:
        """Write what was logged, durably; logging again opens the journal again."""
        self._stop_thread()
        with self._lock:
            if self.problems > 1:
                self._addframe(b"E" + _encode_event("problem", f"{self.problems} not logged"))
            self._flush()
            file, self._file = self._file, None
        if file is not None:
            file.sync()
            file.close()

    def _add_series(self, name: object) -> int:
        text = name if isinstance(name, str) else str(name)
        series = self._ids.get(text)
        if series is None:
            series = len(self._ids) + 1
            self._addframe(key_payload(series, text))
            self._ids[text] = series
        return series

    def _add_event(self, kind: str, data: object) -> None:
        with self._lock:
            try:
                self._addframe(b"E" + _encode_event(kind, data))
            except Exception as error:  # noqa: BLE001
                # Whatever the conversion of a user's object raises stays here.
                self._note_problem(f"{kind}: {error}")
            self._flush()

    def _addframe(self, payload: bytes) -> None:
        self._seal_points()
        self._frames += frame(payload)

    def _seal_points(self) -> None:
        if self._points:
            payload, self._points = b"P" + self._points, bytearray()
            self._frames += frame(payload)

    def _flush(self) -> None:
        self._seal_points()
        if not self._frames:
            return
        try:
            if self._file is None or not self._file.is_ours():
                self._file = JournalFile(self._directory)
                self._frames[:0] = self._preamble()
            self._file.write(self._frames)
        except OSError as error:
            self._note_problem(f"cannot write: {error.strerror}")
            if len(self._frames) > _MAX_BACKLOG_BYTES:
                # The last frame may be torn, so what comes next needs another file.
                self._frames = bytearray()
                self._file = None

    def _preamble(self) -> bytes:
        head = {"format": FORMAT, "pid": os.getpid(), "time_ns": time.time_ns()}
        payloads = [b"H" + json.dumps(head).encode()]
        payloads += [key_payload(series, name) for name, series in self._ids.items()]
        return b"".join(map(frame, payloads))

    def _note_problem(self, problem: str) -> None:
        self.problems += 1
        if self.problems > 1:
            return
        self._addframe(b"E" + _encode_event("problem", f"not logged: {problem}"))
        # Not through `warnings`: under `-W error` that would stop the training.
        # The training goes on, with or without a terminal, whatever stands in for one.
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
            with self._lock:
                self._flush()
                file = self._file
            if file is not None and time.monotonic() - synced_at >= _SYNC_INTERVAL_S:
                file.sync()
                synced_at = time.monotonic()

    def _stop_thread(self) -> None:
        thread, self._thread = self._thread, None
        self._stop.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=1.0)

    def _before_fork(self) -> None:
        # A process with a second thread is warned of forking since Python 3.12.
        self._stop_thread()
        self._lock.acquire()
        self._flush()

    def _after_fork_in_parent(self) -> None:
        self._lock.release()

    def _after_fork_in_child(self) -> None:
        self._lock = threading.RLock()
        self._thread = None
        self._points = bytearray()
        self._frames = bytearray()
        file, self._file = self._file, None
        if file is not None:
            file.close()


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


def _encode_event(kind: str, data: object) -> bytes:
    event = {"kind": kind, "time_ns": time.time_ns(), "data": data}
    return json.dumps(event, default=_plain, skipkeys=True).encode()


def _pack(series: int, step: int, time_ns: int, value: Any) -> bytes:
    if hasattr(value, "item"):  # a scalar of NumPy, torch, JAX or TensorFlow
        value = value.item()
    if isinstance(value, int) and -(1 << 63) <= value < 1 << 63:
        return INT_POINT.pack(series | INT_FLAG, step, time_ns, value)
    if isinstance(value, (str, bytes)):
        message = f"{value!r} is not a number"
        raise TypeError(message)
    return FLOAT_POINT.pack(series, step, time_ns, float(value))


def _plain(value: Any) -> object:
    """Return what JSON can hold in place of an object that it cannot."""
    if hasattr(value, "tolist"):  # NumPy and torch
        return value.tolist()
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    return vars(value) if hasattr(value, "__dict__") and not callable(value) else str(value)
