"""Execute a command: pass its output through, keep it, and say how it ended.

The command stays in our session and process group, with our standard input. So Ctrl-C,
Ctrl-Z and a change of the window reach it from the terminal directly, as if we were not
there; we outlive Ctrl-C and wait for it. Signals that were sent to us alone are passed on.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from mlv.capture.execution.liveness import save_command
from mlv.capture.execution.signals import Signals
from mlv.capture.execution.streams import Passthrough, Stream, open_streams
from mlv.errors import CommandNotExecutableError, StorageError

DRAIN_S = 0.5
"""How long output is still taken from processes that the command left behind when it
ended. After that their output is closed: waiting longer could mean waiting for ever."""

_RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024
_IO_UNIT_BYTES = 512
_INIT = 1


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """What to execute, and how.

    Attributes:
        argv: The command; never empty.
        executable: What `resolve_executable` returned for its first word.
        cwd: Where it runs.
        env: Its whole environment.
    """

    argv: Sequence[str]
    executable: Path
    cwd: Path
    env: Mapping[str, str]


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """What a command used, with all processes that it waited for.

    Attributes:
        cpu_s: Processor time.
        peak_memory_bytes: Largest resident memory of any one of its processes; 0 where it
            is too small to tell.
        disk_read_bytes, disk_write_bytes: What went from and to disks, not caches.
    """

    cpu_s: float
    peak_memory_bytes: int
    disk_read_bytes: int
    disk_write_bytes: int


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a command ended.

    Attributes:
        exit_code: None when a signal ended it.
        signal: Number of the signal that ended it, or None.
        started_at_ns: When it started, nanoseconds since 1970.
        duration_s: Wall-clock time until it ended, by the monotonic clock.
        received: Numbers of the signals that came while it ran, in order.
        totals: What it used.
        n_lost_bytes: How much of its output the disk did not take.
    """

    exit_code: int | None
    signal: int | None
    started_at_ns: int
    duration_s: float
    received: tuple[int, ...]
    totals: Totals
    n_lost_bytes: int = 0


class Companion:
    """Is told of a command while it runs, in the main thread; does nothing by itself."""

    def started(self, pid: int) -> None:
        """Take that the command has started as this process."""

    def signalled(self, number: int) -> None:
        """Take that this signal came, and was passed on."""


def execute(
    execution: Execution,
    *,
    live: Path,
    passthrough: Passthrough | None = None,
    signals: Signals | None = None,
    companion: Companion | None = None,
) -> Outcome:
    """Run a command to its end; standard input is inherited.

    Output is kept in `stdout.log` and `stderr.log` in `live`, head and tail of it when it
    is long. Only to be called in the main thread.

    Args:
        execution: The command.
        live: Directory of the run.
        passthrough: Where output goes; our own output by default.
        signals: What takes signals, when the caller has to go on with that afterwards.
        companion: Who is told of the command.

    Raises:
        CommandNotExecutableError: The system refuses to execute it.
        StorageError: The logs cannot be created; the command was not started.
    """
    try:
        streams = open_streams(passthrough or Passthrough(), live)
    except OSError as error:
        raise StorageError(f"cannot keep the output: {error.strerror}") from error
    unique = tuple(dict.fromkeys(streams))
    with contextlib.ExitStack() as stack:
        for stream in unique:
            stack.callback(stream.close)
        taken = signals or stack.enter_context(Signals())
        started_at_ns, started = time.time_ns(), time.monotonic()
        process = _start(execution, streams)
        attendant = _Attendant(process, unique, taken, companion or Companion())
        save_command(live, process.pid)
        ended = attendant.attend()
    code = process.returncode
    return Outcome(
        exit_code=code if code >= 0 else None,
        signal=-code if code < 0 else None,
        started_at_ns=started_at_ns,
        duration_s=ended - started,
        received=tuple(taken.received),
        totals=attendant.totals,
        n_lost_bytes=sum(stream.n_lost_bytes for stream in unique),
    )


def _start(execution: Execution, streams: tuple[Stream, Stream]) -> subprocess.Popen[bytes]:
    executable = execution.executable
    try:
        process = subprocess.Popen(
            list(execution.argv),
            executable=executable,
            cwd=execution.cwd,
            env=execution.env,
            stdout=streams[0].child_end,
            stderr=streams[1].child_end,
            # What was handed to us is meant for the command: `<(...)` of a shell, the
            # job server of make. Our own descriptors are not inheritable.
            close_fds=False,
        )
    except OSError as error:
        reason = error.strerror
        hint = None
        if error.errno == errno.ENOEXEC:
            reason, hint = "it is neither a program nor a script", f"sh {executable}"
        elif error.errno == errno.ENOENT and executable.exists():
            reason = "the interpreter that its first line names does not exist"
        raise CommandNotExecutableError(
            f"cannot execute {execution.argv[0]!r}: {reason}", hint=hint
        ) from error
    for stream in streams:
        stream.close_child_end()
    return process


class _Attendant:
    """Stays with the command until it has ended: moves its output, passes signals on."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        streams: Sequence[Stream],
        signals: Signals,
        companion: Companion,
    ) -> None:
        self.totals = Totals(cpu_s=0, peak_memory_bytes=0, disk_read_bytes=0, disk_write_bytes=0)
        self._process = process
        self._streams = streams
        self._signals = signals
        self._companion = companion
        self._n_told = 0

    def attend(self) -> float:
        """Stay until the command has ended; return when that was, by the monotonic clock."""
        self._signals.on_resize = self._resize
        self._signals.pass_on_to(self._process.pid)
        self._companion.started(self._process.pid)
        ended: float | None = None
        with selectors.DefaultSelector() as selector:
            selector.register(self._signals.wakeup, selectors.EVENT_READ)
            for stream in self._streams:
                selector.register(stream.source, selectors.EVENT_READ, stream)
            while True:
                self._tell_of_signals()
                if ended is None and self._has_ended():
                    ended = time.monotonic()
                    self._signals.pass_on_no_more()
                if ended is None:
                    self._move(selector, None)
                    continue
                left_s = ended + DRAIN_S - time.monotonic()
                if len(selector.get_map()) == 1 or left_s <= 0:  # 1: nothing but the wakeup
                    return ended
                self._move(selector, left_s)

    def _has_ended(self) -> bool:
        if os.getpid() == _INIT:
            _bury_orphans(self._process.pid)
        try:
            pid, status, usage = os.wait4(self._process.pid, os.WNOHANG)
        except ChildProcessError:  # somebody else's `wait`: how it ended is not known
            self._process.returncode = 255
            return True
        if pid == 0:
            return False
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self.totals = _totals_of(usage)
        return True

    def _tell_of_signals(self) -> None:
        while self._n_told < len(self._signals.received):
            self._companion.signalled(self._signals.received[self._n_told])
            self._n_told += 1

    def _move(self, selector: selectors.BaseSelector, timeout_s: float | None) -> None:
        for key, _ in selector.select(timeout_s):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._signals.wakeup, 4096)
            elif not key.data.transfer():
                selector.unregister(key.fd)

    def _resize(self) -> None:
        for stream in self._streams:
            stream.copy_window_size()


def _totals_of(usage: resource.struct_rusage) -> Totals:
    peak = usage.ru_maxrss
    # Before it became another program, the command was a copy of us, as large as we are.
    known = peak > resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Totals(
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_memory_bytes=peak * _RSS_UNIT_BYTES if known else 0,
        disk_read_bytes=usage.ru_inblock * _IO_UNIT_BYTES,
        disk_write_bytes=usage.ru_oublock * _IO_UNIT_BYTES,
    )


def _bury_orphans(command: int) -> None:
    """Take the exit codes of what was left to us as the first process of a container."""
    options = os.WEXITED | os.WNOHANG | os.WNOWAIT
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitid(os.P_ALL, 0, options)) and found.si_pid != command:
            os.waitpid(found.si_pid, 0)
