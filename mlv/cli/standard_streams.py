"""Standard input, output and error, in whatever state we get them.

A stream that is closed is opened on nothing: else the next file that is opened, of the store
perhaps, would have its number, and what is printed would go there. Notes and errors that
cannot be printed are dropped, as nobody would see a complaint about that either.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_INPUT, _OUTPUT, _ERROR = range(3)


class _Output(io.FileIO):
    """Standard output; what cannot be written ends the command with an error."""

    def write(self, data: ReadableBuffer) -> int:
        try:
            return super().write(data) or 0
        except (BrokenPipeError, BlockingIOError):
            raise
        except OSError as error:
            from mlv.store.failures import storage_error

            discard_output()
            raise storage_error(error, "print the result") from error


class _Error(io.FileIO):
    """Standard error; what cannot be written is dropped."""

    def write(self, data: ReadableBuffer) -> int:
        try:
            return super().write(data) or 0
        except OSError:
            return len(memoryview(data).cast("B"))


def secure_streams() -> None:
    """Make the standard streams safe to use; to be called once, before anything is opened."""
    for descriptor in (_INPUT, _OUTPUT, _ERROR):
        _open_if_closed(descriptor)
    if sys.stdin is None:
        sys.stdin = os.fdopen(_INPUT, closefd=False)
    sys.stdout = _renew(sys.stdout, _Output, _OUTPUT)
    sys.stderr = _renew(sys.stderr, _Error, _ERROR)


def flush_output() -> None:
    """Write out what was printed, so that a failure is seen while it can be reported.

    Raises:
        StorageError: It cannot be written.
        BrokenPipeError: The reader has gone.
    """
    sys.stdout.flush()


def discard_output() -> None:
    """Send what was printed, and still is to be, to nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _OUTPUT)
    os.close(nowhere)


def _open_if_closed(descriptor: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        # The lowest free number is given: this one, as those before it are open by now.
        os.open(os.devnull, os.O_RDWR)
        os.set_inheritable(descriptor, True)


def _renew(old: TextIO | None, kind: Callable[..., io.FileIO], descriptor: int) -> TextIO:
    if old is not None and _leads_elsewhere(old, descriptor):
        return old
    raw = kind(descriptor, "wb", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding="utf-8" if old is None else old.encoding,
        errors="backslashreplace" if old is None else old.errors,
        line_buffering=descriptor == _ERROR or raw.isatty(),
    )


def _leads_elsewhere(stream: TextIO, descriptor: int) -> bool:
    """Tell whether a stream was put in the place of the one that the system gave us."""
    try:
        return stream.fileno() != descriptor
    except (OSError, ValueError):  # it has no descriptor
        return True
