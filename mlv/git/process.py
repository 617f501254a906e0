"""Processes with a pipe at every end."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from subprocess import PIPE, Popen
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def begin(argv: Sequence[str], variables: Mapping[str, str]) -> Popen[bytes]:
    """Start a process in a session of its own.

    Ctrl-C at the terminal is for the caller, who may have to finish what it does with it.

    Raises:
        OSError: There is no such program.
    """
    return Popen(argv, env=variables, stdin=PIPE, stdout=PIPE, stderr=PIPE, start_new_session=True)


@contextmanager
def ended_on_error(*processes: Popen[bytes]) -> Iterator[None]:
    """Kill processes when the block fails."""
    try:
        yield
    except BaseException:
        for process in processes:
            with suppress(BrokenPipeError), process:  # closes its pipes, and waits for it
                process.kill()
        raise


def pipe_of(pipe: IO[bytes] | None) -> IO[bytes]:
    """Return one end of a process that has all three of them."""
    if pipe is None:
        message = "the process has no such pipe"
        raise RuntimeError(message)
    return pipe
