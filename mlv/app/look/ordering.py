"""The order in which runs are listed."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from mlv.core.ids import RunId
from mlv.errors import UsageError

_FACTS = ("name", "status", "user", "started_at", "duration_s")


class OrderedRun(Protocol):
    """What decides where a run is listed."""

    @property
    def id(self) -> RunId:
        """Its id, by which runs sort by time."""

    @property
    def parent(self) -> RunId | None:
        """The run inside which it was started."""

    @property
    def params(self) -> Mapping[str, Any]:
        """Its params, by dotted name."""

    @property
    def metrics(self) -> Mapping[str, float]:
        """Its metrics."""


LineT = TypeVar("LineT", bound=OrderedRun)


def order_as_tree(lines: Sequence[LineT]) -> list[LineT]:
    """Return runs newest first, those started inside another one behind that one."""
    known = {line.id for line in lines}
    inside: dict[RunId | None, list[LineT]] = {}
    for line in sorted(lines, key=lambda line: line.id):
        inside.setdefault(line.parent if line.parent in known else None, []).append(line)
    ordered: list[LineT] = []
    waiting = inside.get(None, [])  # the newest is the last, and is taken first
    while waiting:
        line = waiting.pop()
        ordered.append(line)
        waiting += inside.get(line.id, [])
    return ordered


def order_by(lines: Sequence[LineT], column: str) -> list[LineT]:
    """Return runs by a metric, a param or a fact; those that lack it come last.

    Args:
        lines: The runs.
        column: Its name, such as `accuracy`, `metrics.accuracy` or `started_at`; a leading
            `-` sorts from high to low.

    Raises:
        UsageError: No run has it.
    """
    name = column.removeprefix("-")
    values = {line.id: value for line in lines for value in _find(line, name)}
    if not values and lines:
        known = sorted({each for line in lines for each in (*line.metrics, *line.params)})
        nearest = difflib.get_close_matches(name, [*known, *_FACTS], n=1)
        hint = f"did you mean {nearest[0]!r}?" if nearest else f"there are {', '.join(known)}"
        raise UsageError(f"no run has a metric or param {name!r} to sort by", hint=hint)
    having = [line for line in lines if line.id in values]
    having.sort(key=lambda line: _sort_key(values[line.id]), reverse=column.startswith("-"))
    return having + [line for line in lines if line.id not in values]


def _find(line: OrderedRun, name: str) -> Iterator[Any]:
    """Yield the value that a run has of a name, if it has one that can be ordered."""
    table, _, rest = name.partition(".")
    places: list[tuple[Mapping[str, Any], str]] = [(line.metrics, name), (line.params, name)]
    if table in ("metrics", "params"):
        places.append((line.metrics if table == "metrics" else line.params, rest))
    for values, key in places:
        value = values.get(key)
        if value is not None and value == value:  # noqa: PLR0124 - NaN is not, and has no place
            yield value
            return
    if name in _FACTS and getattr(line, name) is not None:
        yield getattr(line, name)


def _sort_key(value: object) -> tuple[bool, object]:
    """Return numbers before texts, which cannot be compared with them."""
    is_number = isinstance(value, (int, float))
    return not is_number, value if is_number or not isinstance(value, (list, dict)) else str(value)
