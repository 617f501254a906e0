"""How a run ends, as the Python program can tell from within."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_SIGINT = 2


class Ending:
    """How a run ended.

    Attributes:
        failed: Whether it did not end well.
        exit_code: That of the program, as far as it is known.
        signal: Number of the signal that ended it.
    """

    __slots__ = ("exit_code", "failed", "signal")

    def __init__(self, exit_code: int = 0, signal: int | None = None) -> None:
        self.failed = exit_code != 0 or signal is not None
        self.exit_code = exit_code
        self.signal = signal


def ending_of(error: BaseException | None) -> Ending:
    """Return how a block ended that was left by `error`; None when it came to its end."""
    if error is None or isinstance(error, GeneratorExit):
        return Ending()
    if isinstance(error, SystemExit):
        return Ending(_exit_code_of(error.code))
    return Ending(signal=_SIGINT) if isinstance(error, KeyboardInterrupt) else Ending(1)


def ending_of_program() -> Ending:
    """Return how the program is ending; called when the interpreter shuts down."""
    if _exit.code is not None:
        return Ending(_exit_code_of(_exit.code))
    if hasattr(sys, "ps1"):
        return Ending()  # what went wrong at a prompt did not end the program
    return ending_of(getattr(sys, "last_value", None))


def watch_exit() -> None:
    """Take note of `sys.exit(3)` from now on; nothing else tells of it when the program ends."""
    if sys.exit is not _exit.call:
        _exit.original = sys.exit
        sys.exit = _exit.call  # type: ignore[assignment]  # it never returns either


def unwatch_exit() -> None:
    """Put `sys.exit` back, unless somebody has put something else in its place."""
    if sys.exit is _exit.call:
        sys.exit = _exit.original


class _Exit:
    """Stands in for `sys.exit`.

    Attributes:
        code: What the program exits with; None while it does not, or exits well.
    """

    def __init__(self) -> None:
        self.original: Callable[..., Any] = sys.exit
        self.call = self._exit
        self.code: object = None

    def _exit(self, status: object = None, /) -> None:
        try:
            self.original(status)
        except SystemExit as error:
            self.code = error.code
            # When the exception goes away, it is known whether it ended the program.
            error.__dict__["_mlv"] = _Watched(self)
            raise


class _Watched:
    """Goes away together with an exception."""

    def __init__(self, exits: _Exit) -> None:
        self._exits = exits

    def __del__(self) -> None:
        try:
            sys._getframe(1)  # noqa: SLF001 - nothing else tells
        except ValueError:
            return  # no code is left to run: the exception ended the program
        # Some code caught it, and goes on.
        self._exits.code = None


def _exit_code_of(code: object) -> int:
    if code is None:
        return 0
    return code & 0xFF if isinstance(code, int) else 1


_exit = _Exit()
