"""A forked process that works for its parent: `mlv.store.workers` is the other end.

A message is its kind, its length, and a value that both ends pickle: they are one program.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import struct
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import NoReturn, TypeVar

from mlv.errors import MlvError
from mlv.store.durable import write_all

Task = TypeVar("Task")
Result = TypeVar("Result")

Work = Callable[[], AbstractContextManager[Callable[[Task], Result]]]
"""Entered once in each child; what it gives works on a task."""

HEADER = struct.Struct("<cQ")
TASKS, END = b"t", b"q"
"""Kinds of messages to a child."""

RESULTS, ERROR, DONE = b"r", b"e", b"d"
"""Kinds of messages from a child."""


def serve(work: Work[Task, Result], tasks: int, results: int) -> NoReturn:
    """Be a child: work on tasks until there are no more."""
    gc.disable()  # it works on flat data, and not for long
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told, too, and ends this
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        with work() as work_on:
            while (data := _receive_tasks(tasks)) is not None:
                todo = pickle.loads(data)  # noqa: S301 - of our parent
                _tell(results, RESULTS, [work_on(task) for task in todo])
        _tell(results, DONE, None)
    except BrokenPipeError:
        os._exit(1)  # the parent is gone
    except BaseException as error:  # noqa: BLE001 - it travels to the parent
        _tell_error(results, error)
        os._exit(1)
    os._exit(0)


def _receive_tasks(tasks: int) -> bytes | None:
    """Return the next list of tasks; None when there are no more."""
    kind, length = HEADER.unpack(_read_exactly(tasks, HEADER.size))
    return None if kind == END else _read_exactly(tasks, length)


def _read_exactly(descriptor: int, n_bytes: int) -> bytes:
    parts = []
    while n_bytes:
        part = os.read(descriptor, n_bytes)
        if not part:
            raise BrokenPipeError
        parts.append(part)
        n_bytes -= len(part)
    return b"".join(parts)


def _tell(results: int, kind: bytes, value: object) -> None:
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    write_all(results, HEADER.pack(kind, len(data)))
    write_all(results, data)


def _tell_error(results: int, error: BaseException) -> None:
    with suppress(OSError):
        try:
            _tell(results, ERROR, error if _is_expected(error) else _describe(error))
        except (TypeError, AttributeError, pickle.PicklingError):
            _tell(results, ERROR, _describe(error))


def _is_expected(error: BaseException) -> bool:
    return isinstance(error, MlvError | OSError)


def _describe(error: BaseException) -> RuntimeError:
    """Return an error of a child that is a mistake in mlv, with the place where it happened."""
    return RuntimeError("".join(traceback.format_exception(error)).rstrip())
