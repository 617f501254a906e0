"""Record each call of a function as a run: `@mlv.record`."""

from __future__ import annotations

import functools
import inspect
from typing import overload

from mlv.api.dialects import start_run
from mlv.api.guard import tells_hints
from mlv.api.open_runs import find_current
from mlv.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from mlv.api.active_run import ActiveRun

    Function = TypeVar("Function", bound=Callable[..., Any])


@overload
def record(function: Function, /) -> Function: ...
@overload
def record(
    *, name: str | None = None, tags: Any = (), note: str | None = None
) -> Callable[[Function], Function]: ...
@tells_hints
def record(
    function: Any = None, /, *, name: str | None = None, tags: Any = (), note: str | None = None
) -> Any:
    """Record each call of a function as a run; inside an active run, as one nested in it.

    Its arguments become params, and the numbers of a mapping that it returns become metrics
    without steps. An exception marks the run as failed, and goes on.

    Args:
        function: What to record, a method or a coroutine function too.
        name: What to call each run; None for a random name.
        tags: Words to find the runs by.
        note: A remark for people.

    Raises:
        UsageError: It is no function.
        TypeError: It is a generator function, of which nobody knows when it ends.
    """
    if function is None:
        return functools.partial(_wrap, name=name, tags=tags, note=note)
    return _wrap(function, name=name, tags=tags, note=note)


def _wrap(function: Any, **words: Any) -> Any:
    if not callable(function) or isinstance(function, type):
        raise UsageError(f"{function!r} is no function", hint="write @mlv.record above a function")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        name = function.__qualname__
        message = (
            f"@mlv.record cannot record the generator function {name!r}, which may never end;"
            " write it above the function that iterates over it"
        )
        raise TypeError(message)
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def recorded_coroutine(*args: Any, **kwargs: Any) -> Any:
            with _start(function, args, kwargs, words) as run:
                result = await function(*args, **kwargs)
                _keep_result(run, result)
            return result

        return recorded_coroutine

    @functools.wraps(function)
    def recorded(*args: Any, **kwargs: Any) -> Any:
        with _start(function, args, kwargs, words) as run:
            result = function(*args, **kwargs)
            _keep_result(run, result)
        return result

    return recorded


def _start(function: Any, args: Any, kwargs: Any, words: dict[str, Any]) -> ActiveRun:
    run = start_run(nested=find_current() is not None, **words)
    run.log_params(_arguments(function, args, kwargs))
    return run


def _arguments(function: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    """Return the arguments of a call by name, those left to their default included."""
    try:
        signature = inspect.signature(function)
        bound = signature.bind(*args, **kwargs)
    except (TypeError, ValueError):
        return dict(kwargs)  # the call itself says what is wrong with it
    bound.apply_defaults()
    arguments: dict[str, Any] = dict(bound.arguments)
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            arguments.update(arguments.pop(name))
    first = next(iter(signature.parameters), None)
    if first in ("self", "cls") and "." in function.__qualname__:
        del arguments[first]
    return arguments


def _keep_result(run: ActiveRun, result: Any) -> None:
    if not hasattr(result, "items"):
        return
    from mlv.api.values import find_numbers

    run.log_summary(find_numbers(result))
