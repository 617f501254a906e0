"""Execute a command: pass its output through, keep it, and say how it ended.

The command stays in our session and process group, with our standard input. So Ctrl-C,
Ctrl-Z and a change of the window reach it from the terminal directly, as if we were not
there; we outlive Ctrl-C and wait for it. Signals that were sent to us alone are passed on.
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import msgspec

from mlv.capture.heartbeat import HEARTBEAT_INTERVAL_S, beat
from mlv.capture.kept_log import KeptLog
from mlv.capture.liveness import save_command
from mlv.capture.streams import Passthrough, Stream, open_streams
from mlv.errors import CommandNotExecutableError, StorageError

if TYPE_CHECKING:
    from typing_extensions import Self

DRAIN_S = 0.5
"""How long output is still taken from processes that the command left behind when it
ended. After that their output is closed: waiting longer could mean waiting for ever."""

_FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a command ended.

    Attributes:
        exit_code: None when a signal ended it.
        signal: Number of the signal that ended it, or None.
        started_at_ns: When it started, nanoseconds since 1970.
        duration_s: Wall-clock time until it ended, by the monotonic clock.
        received: Numbers of the signals that came while it ran, in order.
        logs: What it printed; one where both streams went to one terminal.
    """

    exit_code: int | None
    signal: int | None
    started_at_ns: int
    duration_s: float
    received: tuple[int, ...]
    logs: tuple[KeptLog, ...]


def execute(
    argv: Sequence[str],
    *,
    executable: Path,
    cwd: Path,
    env: Mapping[str, str],
    live: Path,
    passthrough: Passthrough | None = None,
) -> Outcome:
    """Run a command to its end; standard input is inherited.

    Output is kept in `stdout.log` and `stderr.log` in `live`, head and tail of it when it
    is long. Only to be called in the main thread.

    Args:
        argv: The command; never empty.
        executable: What `resolve_executable` returned for its first word.
        cwd: Where it runs.
        env: Its whole environment.
        live: Directory of the run.
        passthrough: Where output goes; our own output by default.

    Raises:
        CommandNotExecutableError: The system refuses to execute it.
        StorageError: The logs cannot be created or finished.
    """
    try:
        streams = open_streams(passthrough or Passthrough(), live)
    except OSError as error:
        raise StorageError(f"cannot keep the output: {error.strerror}") from error
    unique = tuple(dict.fromkeys(streams))
    try:
        with _Attendant(unique) as attendant:
            started_at_ns, started = time.time_ns(), time.monotonic()
            process = _start(argv, executable, cwd, env, streams)
            save_command(live, process.pid)
            ended = attendant.attend(process, live)
    finally:
        logs = _finish(unique)
    code = process.returncode
    return Outcome(
        exit_code=code if code >= 0 else None,
        signal=-code if code < 0 else None,
        started_at_ns=started_at_ns,
        duration_s=ended - started,
        received=tuple(attendant.received),
        logs=logs,
    )


def _finish(streams: Sequence[Stream]) -> tuple[KeptLog, ...]:
    try:
        return tuple(stream.finish() for stream in streams)
    except OSError as error:
        raise StorageError(f"cannot keep the output: {error.strerror}") from error


def _start(
    argv: Sequence[str],
    executable: Path,
    cwd: Path,
    env: Mapping[str, str],
    streams: tuple[Stream, Stream],
) -> subprocess.Popen[bytes]:
    try:
        process = subprocess.Popen(
            list(argv),
            executable=executable,
            cwd=cwd,
            env=env,
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
            f"cannot execute {argv[0]!r}: {reason}", hint=hint
        ) from error
    for stream in streams:
        stream.close_child_end()
    return process


class _Attendant:
    """Stays with the command until it has ended: moves its output, passes signals on."""

    def __init__(self, streams: Sequence[Stream]) -> None:
        self.streams = streams
        self.process: subprocess.Popen[bytes] | None = None
        self.received: list[int] = []
        self._undo = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._wakeup, written = os.pipe()
        for fd in (self._wakeup, written):
            os.set_blocking(fd, False)
            self._undo.callback(os.close, fd)
        before = signal.set_wakeup_fd(written, warn_on_full_buffer=False)
        self._undo.callback(signal.set_wakeup_fd, before)
        # Handlers, unlike ignored signals, are not inherited by the command. What whoever
        # started us ignores, as `nohup` does, stays ignored for both.
        for number in (*_FORWARDED, *_FROM_TERMINAL, signal.SIGWINCH, signal.SIGCHLD):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._undo.callback(signal.signal, number, signal.signal(number, self._handle))
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def attend(self, process: subprocess.Popen[bytes], live: Path) -> float:
        """Stay until the command has ended; return when that was, by the monotonic clock."""
        self.process = process
        for number in tuple(self.received):  # before there was a command to pass them on to
            self._pass_on(number)
        ended: float | None = None
        next_beat = 0.0
        with selectors.DefaultSelector() as selector:
            selector.register(self._wakeup, selectors.EVENT_READ)
            for stream in self.streams:
                selector.register(stream.source, selectors.EVENT_READ, stream)
            while True:
                now = time.monotonic()
                if now >= next_beat:
                    beat(live)
                    next_beat = now + HEARTBEAT_INTERVAL_S
                if ended is None and process.poll() is not None:
                    ended = now
                deadline = next_beat if ended is None else ended + DRAIN_S
                only_wakeup = len(selector.get_map()) == 1
                if ended is not None and (only_wakeup or now >= deadline):
                    return ended
                self._move(selector, deadline - now)

    def _move(self, selector: selectors.BaseSelector, timeout_s: float) -> None:
        for key, _ in selector.select(timeout_s):
            if key.data is None:
                os.read(self._wakeup, 4096)
            elif not key.data.transfer():
                selector.unregister(key.fd)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGCHLD:
            return
        if number == signal.SIGWINCH:
            for stream in self.streams:
                stream.copy_window_size()
        else:
            self.received.append(number)
            if number in _FROM_TERMINAL and _is_in_foreground():
                return  # the terminal sent it to the command as well
        self._pass_on(number)

    def _pass_on(self, number: int) -> None:
        if self.process is not None:
            # A command that has just ended needs no signal.
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)


def _is_in_foreground() -> bool:
    """Tell whether our process group is the one that the terminal sends Ctrl-C to."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
