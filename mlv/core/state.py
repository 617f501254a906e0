"""State: what all operations together amount to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from mlv.core.digest import Digest
from mlv.core.ids import RunId
from mlv.core.operation import (
    EffectiveChange,
    HideRun,
    LoggedOperation,
    PublishRun,
    Undo,
    effective_change,
)
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
    """Return the state that `operations` amount to, in whatever order they come."""
    ordered = sort_operations(operations)
    runs: dict[RunId, Content] = {}
    for logged in ordered:
        _apply(effective_change(logged.operation.change), runs)
    return State(runs=runs, undone=_find_undone(ordered))


def sort_operations(operations: Iterable[LoggedOperation]) -> tuple[LoggedOperation, ...]:
    """Return operations oldest first: by hybrid time, then clone, then digest.

    So every clone that knows the same operations sees the same state.
    """
    return tuple(sorted(operations, key=_order))


def find_undoable(operations: Iterable[LoggedOperation], state: State) -> LoggedOperation | None:
    """Return the newest operation that is neither an undo nor undone already."""
    undoable = (
        logged
        for logged in operations
        if not isinstance(logged.operation.change, Undo) and logged.id not in state.undone
    )
    return max(undoable, key=_order, default=None)


def _find_undone(ordered: Sequence[LoggedOperation]) -> frozenset[Digest]:
    undone: set[Digest] = set()
    # From the newest: whether an undo is in force depends on later ones alone.
    for logged in reversed(ordered):
        change = logged.operation.change
        if isinstance(change, Undo) and logged.id not in undone:
            undone.add(change.operation)
    return frozenset(undone)


def _apply(change: EffectiveChange, runs: dict[RunId, Content]) -> None:
    if isinstance(change, PublishRun):
        runs[change.run] = change.record
    elif isinstance(change, HideRun):
        runs.pop(change.run, None)


def _order(logged: LoggedOperation) -> tuple[int, int, str, str]:
    operation = logged.operation
    return (operation.time.wall_ms, operation.time.counter, operation.clone, logged.id)
