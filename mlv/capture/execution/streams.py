"""The way of a command's output: from its pipe or pseudo-terminal to ours, and to a log."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import sys
import termios
from pathlib import Path

import msgspec

from mlv.capture.execution.kept_log import LogWriter

_CHUNK_BYTES = 256 * 1024
_PIPE_BYTES = 1024 * 1024
"""How much a command can print while we are at something else."""


class Passthrough(msgspec.Struct, frozen=True, kw_only=True):
    """Descriptors that the output of a command is passed on to, unchanged."""

    stdout: int = 1
    stderr: int = 2


class Stream:
    """One stream of output; owns its ends of the pipe or pseudo-terminal.

    Attributes:
        source: Descriptor to read what the command prints; -1 once that has ended.
        child_end: Descriptor that the command prints to; to be closed once it has started.
    """

    def __init__(self, target: int, log: Path, *, terminal: bool) -> None:
        self.target = target
        self.is_terminal = terminal
        self._log = LogWriter(log)
        self.source, self.child_end = _open_terminal(target) if terminal else _open_pipe()
        os.set_blocking(self.source, False)

    @property
    def n_lost_bytes(self) -> int:
        """How much of it the disk did not take."""
        return self._log.n_lost

    def close_child_end(self) -> None:
        """Leave the command's end to the command, so that its end can be seen."""
        if self.child_end != -1:
            os.close(self.child_end)
            self.child_end = -1

    def transfer(self) -> bool:
        """Pass on what is there to be read; return whether there can be more."""
        try:
            data = os.read(self.source, _CHUNK_BYTES)
        except BlockingIOError:
            return True
        except OSError:  # EIO: how Linux says that a terminal was closed
            data = b""
        if data:
            self._log.write(data)
            if self._pass_on(data):
                return True
        self.close_source()
        return False

    def close_source(self) -> None:
        """Stop reading; a process that still prints finds its output closed."""
        if self.source != -1:
            os.close(self.source)
            self.source = -1

    def close(self) -> None:
        """Close everything; doing it again changes nothing."""
        self.close_child_end()
        self.close_source()
        self._log.close()

    def copy_window_size(self) -> None:
        """Give the pseudo-terminal the size that our terminal has now."""
        if self.is_terminal and self.source != -1:
            _copy_window_size(self.target, self.source)

    def _pass_on(self, data: bytes) -> bool:
        """Write all of `data`; return False when the reader has gone for good."""
        view = memoryview(data)
        while view:
            if self.target == -1:
                return True
            try:
                view = view[os.write(self.target, view) :]
            except BlockingIOError:
                select.select([], [self.target], [])
            except BrokenPipeError:
                return False  # as without us: the command gets the broken pipe next
            except OSError:
                # A terminal that was hung up, a full disk: the command goes on.
                self.target = -1
        return True


def open_streams(passthrough: Passthrough, live: Path) -> tuple[Stream, Stream]:
    """Return the streams for standard output and error; one and the same for one terminal.

    A stream is a pseudo-terminal where ours is a terminal, so that progress bars and
    colours stay; what both print to one terminal is kept in one log, in its true order.
    """
    terminals = [os.isatty(fd) for fd in (passthrough.stdout, passthrough.stderr)]
    out = Stream(passthrough.stdout, live / "stdout.log", terminal=terminals[0])
    if all(terminals):
        return out, out
    return out, Stream(passthrough.stderr, live / "stderr.log", terminal=terminals[1])


def _open_pipe() -> tuple[int, int]:
    source, child_end = os.pipe()
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # over the limit of the user
            fcntl.fcntl(source, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return source, child_end


def _open_terminal(model: int) -> tuple[int, int]:
    leader, follower = os.openpty()
    # Our own terminal turns "\n" into "\r\n" already; what passes must stay as it is.
    attributes = termios.tcgetattr(follower)
    attributes[1] &= ~termios.OPOST
    termios.tcsetattr(follower, termios.TCSANOW, attributes)
    _copy_window_size(model, leader)
    return leader, follower


def _copy_window_size(source: int, target: int) -> None:
    try:
        size = fcntl.ioctl(source, termios.TIOCGWINSZ, b"\0" * 8)
        fcntl.ioctl(target, termios.TIOCSWINSZ, size)
    except OSError:  # hung up meanwhile
        return
