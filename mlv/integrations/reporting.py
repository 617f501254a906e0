"""What all callbacks share: which run they log to, and that they never raise."""

from __future__ import annotations

import functools
import numbers

import mlv
from mlv.api.starting import begin_quietly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeVar

    Hook = TypeVar("Hook", bound=Callable[..., Any])


def current_run() -> mlv.ActiveRun:
    """Return the active run; start one when there is none, which never raises."""
    return mlv.active_run() or begin_quietly()


def never_raises(hook: Hook) -> Hook:
    """Make a hook of a callback note what goes wrong in the record, instead of raising it."""

    @functools.wraps(hook)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return hook(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - the training goes on, whatever happens
            run = mlv.active_run()
            if run is not None:
                run.note_problem(hook.__qualname__, error)
            return None

    return guarded  # type: ignore[return-value]  # the same hook, as far as a caller can tell


def only_numbers(values: Mapping[Any, Any] | None, prefix: str = "") -> dict[str, Any]:
    """Return what can be logged as a metric: numbers, and arrays and tensors with one number."""
    return {f"{prefix}{name}": value for name, value in (values or {}).items() if _is_number(value)}


def _is_number(value: object) -> bool:
    if isinstance(value, numbers.Real):
        return True
    size = getattr(value, "size", None)
    if callable(getattr(value, "numel", None)):
        size = value.numel()  # type: ignore[attr-defined]  # a tensor has it
    return size == 1 and hasattr(value, "item")
