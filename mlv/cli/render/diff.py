"""How two runs differ."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

import msgspec
import typer

from mlv.cli.render.output import (
    LONGEST_NAME,
    LONGEST_VALUE,
    TableFormat,
    fields_of,
    format_number,
    format_param,
    format_size,
    format_table,
    print_json,
    show_text,
)
from mlv.cli.render.place import show_path
from mlv.core.environment_diff import EnvironmentDiff
from mlv.core.params import ParamValue
from mlv.core.run_diff import CodeChange, FileDiff, MetricChange, ParamChange, RunDiff
from mlv.core.tree import Fingerprint

_ABSENT = "-"
_MOST_FILES = 20


def print_diff(diff: RunDiff, *, table_format: TableFormat) -> None:
    """Print a comparison: a one-line summary, then each part that differs."""
    if table_format == "json":
        print_json("mlv-diff 1", **fields_of(diff))
        return
    for line in _lines(diff, table_format):
        typer.echo(line)


def print_environment(diff: EnvironmentDiff) -> None:
    """Print how two environments differ, and an empty line; nothing when they do not."""
    for line in list(_environment(diff, "table"))[1:]:
        typer.echo(line)
    if not diff.empty:
        typer.echo("")


def _lines(diff: RunDiff, table_format: TableFormat) -> Iterator[str]:
    old, new = show_text(diff.old, LONGEST_NAME), show_text(diff.new, LONGEST_NAME)
    yield f"{old} -> {new}: {_summary(diff)}"
    if diff.metrics:
        headers = ["metric", "old", "new", "change", ""]
        rows = [_metric_row(change) for change in diff.metrics]
        yield from _part("metrics", headers, rows, table_format)
    if diff.params:
        rows = [_param_row(change) for change in diff.params]
        yield from _part("params", ["param", "old", "new"], rows, table_format)
    if diff.code:
        rows = [_code_row(change) for change in diff.code]
        yield from _part("code", ["file", "", "lines"], rows, table_format)
    if diff.patch:
        yield ""
        yield diff.patch.rstrip("\n")
    if diff.files:
        rows = [row for each in diff.files for row in _file_rows(each)]
        yield from _part("data", ["path", "", "old", "new"], rows, table_format)
    yield from _environment(diff.environment, table_format)
    if diff.command:
        rows = [[show_text(shlex.join(argv), LONGEST_VALUE) for argv in diff.command]]
        yield from _part("command", ["old", "new"], rows, table_format)
    if diff.unknown:
        yield from ("", "not compared", *(f"  {show_text(reason)}" for reason in diff.unknown))


def _summary(diff: RunDiff) -> str:
    if diff.empty:
        return "no difference"
    counts = {
        "metric": len(diff.metrics),
        "param": len(diff.params),
        "code file": len(diff.code),
        "input or output": len(diff.files),
    }
    words = [f"{n} {what if n == 1 else _plural(what)}" for what, n in counts.items() if n]
    words += ["environment"] if not diff.environment.empty else []
    words += ["command"] if diff.command else []
    if not words:
        return "no known difference"
    return f"{', '.join(words)} differ{'s' if sum(counts.values()) == 1 else ''}"


def _plural(noun: str) -> str:
    return {"input or output": "inputs and outputs"}.get(noun, f"{noun}s")


def _part(
    title: str, headers: Sequence[str], rows: Sequence[Sequence[str]], table_format: TableFormat
) -> Iterator[str]:
    yield ""
    yield f"### {title}\n" if table_format == "md" else title
    indent = "" if table_format == "md" else "  "
    table = format_table(headers, rows, table_format, indent=len(indent))
    yield from (f"{indent}{line}" for line in table.splitlines())


def _metric_row(change: MetricChange) -> list[str]:
    words: list[str] = [] if change.direction == "unknown" else [change.direction]
    if change.within_tolerance is not None:
        words.append("within tolerance" if change.within_tolerance else "out of tolerance")
    delta = change.delta
    sign = "+" if delta is not None and delta > 0 else ""
    shown = "" if delta is None else sign + format_number(delta)
    return [
        show_text(change.name, LONGEST_NAME),
        format_number(change.old),
        format_number(change.new),
        shown,
        ", ".join(words),
    ]


def _param_row(change: ParamChange) -> list[str]:
    exact = change.in_old and change.in_new and type(change.old) is not type(change.new)
    old, new = _param(change.old, exact=exact), _param(change.new, exact=exact)
    if old == new:  # rounded, they look the same
        old, new = _typed(change.old), _typed(change.new)
    return [
        show_text(change.name, LONGEST_NAME),
        show_text(old, LONGEST_VALUE) if change.in_old else _ABSENT,
        show_text(new, LONGEST_VALUE) if change.in_new else _ABSENT,
    ]


def _param(value: ParamValue, *, exact: bool) -> str:
    """Return a param; one of another type than its fellow never looks the same."""
    if exact and isinstance(value, str) and _reads_as_other(value):
        return _typed(value)
    return format_param(value)


def _reads_as_other(text: str) -> bool:
    """Tell whether a text looks like a number, a truth value, null or a list."""
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        return not text.strip()
    return True


def _typed(value: ParamValue) -> str:
    return msgspec.json.encode(value).decode()


def _code_row(change: CodeChange) -> list[str]:
    name = show_path(change.path)
    if change.old_path:
        name = f"{show_path(change.old_path)} -> {name}"
    if change.added_lines is None or change.removed_lines is None:
        return [name, change.status, "binary"]
    return [name, change.status, f"+{change.added_lines} -{change.removed_lines}"]


def _file_rows(diff: FileDiff) -> Iterator[list[str]]:
    yield [show_path(diff.path), diff.role, _fingerprint(diff.old), _fingerprint(diff.new)]
    for change in diff.files[:_MOST_FILES]:
        status = "changed" if change.before and change.after else "removed"
        status = "added" if change.before is None else status
        sizes = (
            (change.before.size_bytes if change.before else None),
            (change.after.size_bytes if change.after else None),
        )
        yield [f"  {show_path(change.path)}", status, *(_size(size) for size in sizes)]
    if len(diff.files) > _MOST_FILES:
        yield [f"  and {len(diff.files) - _MOST_FILES} more files", "", "", ""]


def _fingerprint(fingerprint: Fingerprint | None) -> str:
    if fingerprint is None:
        return _ABSENT
    return f"{fingerprint.digest[:8]} ({format_size(fingerprint.content_bytes)})"


def _size(size_bytes: int | None) -> str:
    return _ABSENT if size_bytes is None else format_size(size_bytes)


def _environment(diff: EnvironmentDiff, table_format: TableFormat) -> Iterator[str]:
    if diff.empty:
        return
    rows = [
        [each.part, show_text(each.name, LONGEST_NAME), *map(_state, each.sides)]
        for each in diff.changes
    ]
    yield from _part("environment", ["part", "name", "old", "new"], rows, table_format)


def _state(text: str | None) -> str:
    return _ABSENT if text is None else show_text(text, LONGEST_VALUE)
