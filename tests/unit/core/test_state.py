from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from mlv.core.ids import RunId
from mlv.core.operation import ChangeWorktree, HybridTime, LoggedOperation, next_time
from mlv.core.run import Content
from mlv.core.state import State, find_undoable, reduce_operations
from tests.unit.core.builders import content, hide, log, publish, undo

FIRST = log(publish(1), 10)
SECOND = log(publish(2), 20)
UNDO_SECOND = log(undo(SECOND, hide(2)), 30)
REDO_SECOND = log(undo(UNDO_SECOND, publish(2)), 40)
UNDO_AGAIN = log(undo(REDO_SECOND, hide(2)), 50)
FILES = log(ChangeWorktree(files=content(b"files"), worktree="/w"), 60)


def _visible(*numbers: int) -> dict[RunId, Content]:
    return {publish(number).run: publish(number).record for number in numbers}


@pytest.mark.parametrize(
    ("operations", "runs", "undone"),
    [
        ([], (), []),
        ([FIRST], (1,), []),
        ([FIRST, SECOND], (1, 2), []),
        ([FIRST, log(hide(1), 20)], (), []),
        ([log(hide(1), 20)], (), []),
        ([FIRST, SECOND, UNDO_SECOND], (1,), [SECOND]),
        ([FIRST, SECOND, UNDO_SECOND, REDO_SECOND], (1, 2), [UNDO_SECOND]),
        (
            [FIRST, SECOND, UNDO_SECOND, REDO_SECOND, UNDO_AGAIN],
            (1,),
            [SECOND, REDO_SECOND],
        ),
        ([FIRST, FILES], (1,), []),
    ],
    ids="nothing one two hidden hidden-unknown undo redo undo-again files".split(),
)
def test_operations_amount_to_a_state(
    operations: Sequence[LoggedOperation], runs: Sequence[int], undone: Sequence[LoggedOperation]
) -> None:
    expected = State(runs=_visible(*runs), undone=frozenset(each.id for each in undone))
    assert reduce_operations(operations) == expected


def test_state_does_not_depend_on_the_order_of_reading() -> None:
    operations = [FIRST, SECOND, UNDO_SECOND, REDO_SECOND]
    states = {
        (tuple(state.runs.items()), state.undone)
        for state in map(reduce_operations, itertools.permutations(operations))
    }
    assert states == {(tuple(_visible(1, 2).items()), frozenset({UNDO_SECOND.id}))}


def test_operations_of_one_moment_are_ordered_by_clone() -> None:
    hidden, shown = log(hide(1), 10, clone="a"), log(publish(1), 10, clone="b")
    assert reduce_operations([shown, hidden]).runs == _visible(1)


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([], None),
        ([FIRST, SECOND], SECOND),
        ([SECOND, FIRST], SECOND),
        ([FIRST, SECOND, UNDO_SECOND], FIRST),
        ([FIRST, SECOND, UNDO_SECOND, REDO_SECOND], SECOND),
        ([FIRST, SECOND, UNDO_SECOND, REDO_SECOND, UNDO_AGAIN], FIRST),
        ([SECOND, UNDO_SECOND], None),
    ],
    ids="nothing newest any-order passes-undone redone undone-again all-undone".split(),
)
def test_undoable_is_the_newest_that_is_in_force(
    operations: Sequence[LoggedOperation], expected: LoggedOperation | None
) -> None:
    assert find_undoable(operations, reduce_operations(operations)) == expected


@pytest.mark.parametrize(
    ("last", "wall_ms", "expected"),
    [
        (None, 5, HybridTime(wall_ms=5)),
        (HybridTime(wall_ms=4, counter=9), 5, HybridTime(wall_ms=5)),
        (HybridTime(wall_ms=5), 5, HybridTime(wall_ms=5, counter=1)),
        (HybridTime(wall_ms=7, counter=3), 5, HybridTime(wall_ms=7, counter=4)),
    ],
    ids=["first", "later", "same moment", "clock went back"],
)
def test_next_time_is_always_later(
    last: HybridTime | None, wall_ms: int, expected: HybridTime
) -> None:
    assert next_time(last, wall_ms) == expected
    assert last is None or last < expected
