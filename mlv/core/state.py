"""State: what all operations together amount to."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from mlv.core.digest import Digest
from mlv.core.ids import RunId
from mlv.core.operation import Change, HideRun, LoggedOperation, PublishRun, Undo
from mlv.core.run import Content


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What is in force.

    Attributes:
        runs: Record of each visible run, by id.
        undone: Operations that an undo in force has taken back.
    """

    runs: dict[RunId, Content]
    undone: frozenset[Digest]


def reduce_operations(operations: Iterable[LoggedOperation]) -> State:
    """Return the state that `operations` amount to, in whatever order they come.

    They are applied by hybrid time, then clone, then digest, so that every
    clone that knows the same operations sees the same state.
    """
    runs: dict[RunId, Content] = {}
    undone: set[Digest] = set()
    takes_back: dict[Digest, Digest] = {}
    for logged in sorted(operations, key=_order):
        change = logged.operation.change
        if not isinstance(change, Undo):
            _apply(change, runs)
            continue
        _apply(change.inverse, runs)
        takes_back[logged.id] = change.operation
        undone.add(change.operation)
        if change.operation in takes_back:
            undone.discard(takes_back[change.operation])
    return State(runs=runs, undone=frozenset(undone))


def find_undoable(operations: Iterable[LoggedOperation], state: State) -> LoggedOperation | None:
    """Return the newest operation that is neither an undo nor undone already."""
    for logged in sorted(operations, key=_order, reverse=True):
        if not isinstance(logged.operation.change, Undo) and logged.id not in state.undone:
            return logged
    return None


def _apply(change: Change, runs: dict[RunId, Content]) -> None:
    if isinstance(change, PublishRun):
        runs[change.run] = change.record
    elif isinstance(change, HideRun):
        runs.pop(change.run, None)


def _order(logged: LoggedOperation) -> tuple[int, int, str, str]:
    operation = logged.operation
    return (operation.time.wall_ms, operation.time.counter, operation.clone, logged.id)
