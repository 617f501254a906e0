from __future__ import annotations

import msgspec
import pytest

from mlv.app.look.ordering import order_as_tree, order_by
from mlv.core.ids import RunId
from mlv.errors import UsageError


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a list."""

    id: RunId
    parent: RunId | None = None
    params: dict[str, object] = {}
    metrics: dict[str, float] = {}
    name: str = "x"
    status: str = "finished"
    user: str = "ada"
    started_at: int = 1
    duration_s: float | None = None


def _line(run_id: str, parent: str | None = None, **fields: object) -> Line:
    line = Line(id=RunId(run_id), parent=None if parent is None else RunId(parent))
    return msgspec.structs.replace(line, **fields)


def test_runs_follow_the_one_that_they_are_inside_of() -> None:
    lines = [_line("1"), _line("2"), _line("3", "1"), _line("4", "3"), _line("5", "1"), _line("6")]
    assert [line.id for line in order_as_tree(lines)] == ["6", "2", "1", "5", "3", "4"]


def test_run_whose_outer_run_is_not_listed_stands_alone() -> None:
    assert [line.id for line in order_as_tree([_line("1"), _line("2", "0")])] == ["2", "1"]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("loss", ["2", "1", "3"]),
        ("-loss", ["1", "2", "3"]),
        ("metrics.loss", ["2", "1", "3"]),
        ("lr", ["3", "1", "2"]),
        ("-params.lr", ["1", "3", "2"]),
        ("name", ["1", "2", "3"]),
    ],
)
def test_runs_are_ordered_by_a_column_and_those_without_it_come_last(
    column: str, expected: list[str]
) -> None:
    lines = [
        _line("1", metrics={"loss": 0.5}, params={"lr": "high"}, name="a"),
        _line("2", metrics={"loss": 0.1}, name="b"),
        _line("3", metrics={"loss": float("nan")}, params={"lr": 0.1}, name="c"),
    ]
    assert [line.id for line in order_by(lines, column)] == expected


def test_column_that_no_run_has_is_refused() -> None:
    with pytest.raises(UsageError, match="no run has a metric or param 'los'") as refusal:
        order_by([_line("1", metrics={"loss": 1})], "los")
    assert refusal.value.hint == "did you mean 'loss'?"
