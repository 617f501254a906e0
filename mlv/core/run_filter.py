"""Filters: what a person writes to choose runs, such as `metrics.accuracy > 0.9`.

A filter compares params, metrics and facts of a run with values:

    metrics.accuracy > 0.9 and params.lr == 0.1
    params.optimizer in ("adam", "sgd") or not status == "finished"
    "digits" in tags and started_at >= "2026-01-31"
    metrics.train/loss < 0.3 and params.train.lr <= 0.01

It is read with Python's grammar, and nothing in it is executed.

Source: docs/reference/cli.md, "Filters"
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from mlv.errors import UsageError

_MAX_CHARACTERS = 4_000
_MAX_DEPTH = 50
_EXAMPLE = "write it like `metrics.accuracy > 0.9 and params.lr == 0.1`"

_PARTS = re.compile(
    r"""(?P<string>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")"""
    r"""|\b(?P<table>params|metrics)\.(?:`(?P<quoted>[^`]*)`|(?P<name>[\w./@:+-]+))"""
    r"""|(?P<equals>(?<![=!<>])=(?!=))"""
    r"""|\b(?P<word>AND|OR|NOT|IN|TRUE|FALSE|NULL)\b"""
)
_WORDS = {"TRUE": "True", "FALSE": "False", "NULL": "None"}


class FilterableRun(Protocol):
    """What a filter can ask of a run."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def status(self) -> str:
        """How it ended, or `running`."""

    @property
    def kind(self) -> str:
        """`run` or `reproduction`."""

    @property
    def parent(self) -> str | None:
        """The run in which it was started."""

    @property
    def user(self) -> str:
        """Who ran it."""

    @property
    def started_at(self) -> datetime:
        """When it began."""

    @property
    def duration_s(self) -> float | None:
        """How long it took, in seconds."""

    @property
    def tags(self) -> Sequence[str]:
        """Its tags."""

    @property
    def params(self) -> Mapping[str, Any]:
        """Its params, by dotted name."""

    @property
    def metrics(self) -> Mapping[str, float]:
        """Its metrics."""


RunFilter = Callable[[FilterableRun], bool]
"""Tells whether a run is one of those that were asked for."""

_Value = Callable[[FilterableRun], Any]
_FACTS: Mapping[str, _Value] = {
    name: operator.attrgetter(name)
    for name in "id name status kind parent user started_at duration_s tags".split()
}
_TABLES: Mapping[str, Callable[[FilterableRun], Mapping[str, Any]]] = {
    "params": lambda run: run.params,
    "metrics": lambda run: run.metrics,
}
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda value, among: value in among,
    ast.NotIn: lambda value, among: value not in among,
}

_ORDERS = (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge)
_ABSENT: Any = object()
"""Stands for a param or metric that a run does not have."""


def parse_filter(text: str) -> RunFilter:
    """Return the filter that `text` describes.

    What a run does not have equals `None`, and no other comparison with it is true. A text is
    compared with a number as a number, if it is one.

    Raises:
        UsageError: It cannot be understood, or it names a fact that there is none of.
    """
    if len(text) > _MAX_CHARACTERS:
        message = f"a filter has at most {_MAX_CHARACTERS} characters, and this one {len(text)}"
        raise UsageError(message)
    try:
        tree = ast.parse(_PARTS.sub(_as_python, text.strip()), mode="eval")
        _check_depth(tree.body)
        return _condition(tree.body)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error) or "it is too deep"
        message = f"the filter {text!r} cannot be understood: {reason}"
        raise UsageError(message, hint=_EXAMPLE) from error


def _check_depth(tree: ast.AST) -> None:
    level = [tree]
    for _ in range(_MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    message = "it is too deep"
    raise ValueError(message)


def _as_python(part: re.Match[str]) -> str:
    if part["table"] is not None:
        return f"{part['table']}[{part['quoted'] or part['name']!r}]"
    if part["equals"] is not None:
        return "=="
    word = part["word"]
    return part[0] if word is None else _WORDS.get(word, word.lower())


def _condition(node: ast.expr) -> RunFilter:
    match node:
        case ast.BoolOp(op=op, values=nodes):
            conditions = [_condition(each) for each in nodes]
            combine = all if isinstance(op, ast.And) else any
            return lambda run: combine(condition(run) for condition in conditions)
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            inverse = _condition(inner)
            return lambda run: not inverse(run)
        case ast.Compare(left=left, ops=ops, comparators=others):
            return _comparison([left, *others], [_COMPARISONS[type(op)] for op in ops])
    value = _value(node)
    return lambda run: value(run) not in (None, _ABSENT, False, 0, "")


def _comparison(
    nodes: Sequence[ast.expr], compare: Sequence[Callable[[Any, Any], bool]]
) -> RunFilter:
    values = [_value(node) for node in nodes]
    if any(isinstance(node, ast.Name) and node.id == "started_at" for node in nodes):
        values = [_moment(node, value) for node, value in zip(nodes, values, strict=True)]

    def matches(run: FilterableRun) -> bool:
        found = [value(run) for value in values]
        pairs = zip(found, found[1:], compare, strict=False)
        return all(_holds(left, right, holds) for left, right, holds in pairs)

    return matches


def _holds(left: object, right: object, compare: Callable[[Any, Any], bool]) -> bool:
    if left is None or right is None:
        is_absent = (right if left is None else left) in (None, _ABSENT)
        if compare in (operator.eq, operator.is_):
            return is_absent
        return not is_absent and compare in (operator.ne, operator.is_not)
    if left is _ABSENT or right is _ABSENT:
        return False
    if compare in _ORDERS and isinstance(left, str) != isinstance(right, str):
        left, right = _number(left), _number(right)
    try:
        return bool(compare(left, right))
    except TypeError:
        return False


def _value(node: ast.expr) -> _Value:
    match node:
        case ast.Constant(value=str() | int() | float() | bool() | None as constant):
            return lambda _run: constant
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return lambda _run: -number
        case ast.Name(id=name) if name in _FACTS:
            return _FACTS[name]
        case ast.Subscript(value=ast.Name(id=table), slice=ast.Constant(value=str() as name)):
            if table in _TABLES:
                rows = _TABLES[table]
                return lambda run: rows(run).get(name, _ABSENT)
        case ast.Tuple(elts=nodes) | ast.List(elts=nodes) | ast.Set(elts=nodes):
            values = [_value(each) for each in nodes]
            return lambda run: [value(run) for value in values]
    known = ", ".join([*_FACTS, "params.NAME", "metrics.NAME"])
    raise ValueError(f"{ast.unparse(node)!r} is none of {known}")


def _moment(node: ast.expr, value: _Value) -> _Value:
    """Return a date as a moment; one without a time zone is one of the person's own."""
    if not isinstance(node, ast.Constant):
        return value
    moment = datetime.fromisoformat(str(node.value).replace("Z", "+00:00")).astimezone()
    return lambda _run: moment


def _number(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return value
