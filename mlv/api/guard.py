"""Keep every failure of logging away from the training."""

from __future__ import annotations

import contextlib
import functools
import sys

from mlv.errors import MlvError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    LogCall = TypeVar("LogCall", bound=Callable[..., None])
    Call = TypeVar("Call", bound=Callable[..., Any])


def never_raises(call: LogCall) -> LogCall:
    """Make a method of an active run note what goes wrong, instead of raising it."""

    @functools.wraps(call)
    def guarded(run: Any, *args: Any, **kwargs: Any) -> None:
        try:
            call(run, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - anything at all may have been passed
            run.note_problem(call.__name__, error)

    return guarded  # type: ignore[return-value]  # the same call, as far as a caller can tell


def tells_hints(call: Call) -> Call:
    """Make the text of an error hold its hint, and its traceback no more than the call."""

    @functools.wraps(call)
    def told(*args: Any, **kwargs: Any) -> Any:
        try:
            return call(*args, **kwargs)
        except MlvError as error:
            if error.hint is not None:
                error.args = (f"{error.message}\nhint: {error.hint}",)
            raise error.with_traceback(None) from None

    return told  # type: ignore[return-value]  # the same call, as far as a caller can tell


def say(text: str) -> None:
    """Print a line on standard error, if there is one that can be printed on."""
    # Whatever stands in for it, the training goes on.
    with contextlib.suppress(Exception):
        sys.stderr.write(f"mlv: {text}\n")
