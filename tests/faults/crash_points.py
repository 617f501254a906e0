"""Stop a change of the store at every single call to the file system, and look what is left.

    python -m tests.faults.crash_points SCENARIO kill|full DIRECTORY

With `kill`, the process ends at once where the n-th call would be made, as `kill -9` does it,
and a write is torn in the middle. With `full`, the disk is full from the n-th call on. That is
done for n = 1, 2, 3 ... until nothing is left to interrupt; then the number of calls is printed.

Calls are counted where Python makes them: `os` functions and audit events. What a file object
writes on its own is not torn, so durable code has to write with `os.write`.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from mlv.errors import StorageError
from tests.faults.scenarios import SCENARIOS, Scenario

DONE, KILLED, REFUSED, BROKEN = 0, 9, 3, 1

_PATCHED = ("write", "fsync", "fdatasync")
_EVENTS = frozenset("open os.link os.rename os.remove os.mkdir os.chmod os.truncate".split())
_ALLOCATING = frozenset((*_PATCHED, "open", "os.link", "os.mkdir"))


class Saboteur:
    """Counts calls to the file system below a directory, and interrupts one of them."""

    def __init__(self, mode: str, stop_at: int, directory: Path) -> None:
        self._mode = mode
        self._left = stop_at
        self._directory = str(directory)

    def strike(self) -> None:
        """Begin to count."""
        for name in _PATCHED:
            setattr(os, name, self._wrap(name, getattr(os, name)))
        sys.addaudithook(self._audit)

    def _wrap(self, name: str, real: Callable[..., int]) -> Callable[..., int]:
        def wrapped(descriptor: int, *arguments: memoryview) -> int:
            if self._reached(name):
                if name == "write":
                    real(descriptor, arguments[0][: len(arguments[0]) // 2])
                self._interrupt()
            return real(descriptor, *arguments)

        return wrapped

    def _audit(self, event: str, arguments: tuple[object, ...]) -> None:
        if event not in _EVENTS:
            return
        target = arguments[0]
        if isinstance(target, int) or os.fspath(str(target)).startswith(self._directory):
            flags = arguments[2] if event == "open" else os.O_CREAT
            creates = isinstance(flags, int) and bool(flags & os.O_CREAT)
            if self._reached(event if creates else "read"):
                self._interrupt()

    def _reached(self, name: str) -> bool:
        if self._mode == "full" and name not in _ALLOCATING:
            return False
        self._left -= 1
        return self._left <= 0

    def _interrupt(self) -> NoReturn:
        if self._mode == "kill":
            os._exit(KILLED)
        raise OSError(errno.ENOSPC, "No space left on device")


def interrupt_everywhere(scenario: Scenario, mode: str, directory: Path) -> int:
    """Return how many calls there were to interrupt.

    Raises:
        AssertionError: Something was left broken.
    """
    for stop_at in range(1, 10_000):
        place = directory / str(stop_at)
        place.mkdir()
        scenario.prepare(place)
        code = _run_interrupted(scenario, Saboteur(mode, stop_at, place), place)
        assert code in (DONE, KILLED if mode == "kill" else REFUSED), f"call {stop_at}: {code}"
        scenario.check_after(place, done=code == DONE, killed=code == KILLED)
        if code == DONE:
            return stop_at - 1
        scenario.run_again(place)
        scenario.check_after(place, done=True, killed=code == KILLED)
    message = "there is no end to it"
    raise AssertionError(message)


def _run_interrupted(scenario: Scenario, saboteur: Saboteur, place: Path) -> int:
    process = os.fork()
    if process == 0:
        try:
            saboteur.strike()
            scenario.run(place)
        except StorageError as error:
            os._exit(REFUSED if "the disk is full" in error.message else BROKEN)
        except BaseException:  # noqa: BLE001 - the other process reports it
            sys.excepthook(*sys.exc_info())
            os._exit(BROKEN)
        os._exit(DONE)
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    name, mode, directory = sys.argv[1:]
    count = interrupt_everywhere(SCENARIOS[name], mode, Path(directory))
    sys.stdout.write(f"{count}\n")
