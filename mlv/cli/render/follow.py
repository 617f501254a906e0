"""A run while it goes on: what it prints on standard output, how it fares on standard error."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable

import typer

from mlv.app.look.following import Glimpse
from mlv.cli.render.output import format_duration, format_number
from mlv.cli.render.progress import shows_progress
from mlv.core.scalars import number_of

_CLEAR = "\r\x1b[K"
_MOST_METRICS = 6


def print_glimpses(glimpses: Iterable[Glimpse]) -> None:
    """Print what is new of a run as it comes; on a terminal, the last line tells how it fares."""
    last: Glimpse | None = None
    on_terminal = shows_progress()
    for glimpse in glimpses:
        if on_terminal:
            _print_over_status(glimpse)
        else:
            if last is None and glimpse.status == "running":
                typer.echo(f"note: {_describe(glimpse)}", err=True)
            _print_output(glimpse)
        last = glimpse
    if last is not None:
        typer.echo((_CLEAR if on_terminal else "") + f"note: {_describe(last)}", err=True)
        if last.status == "lost" and last.run is None:
            typer.echo("hint: seal what it left with `mlv recover`", err=True)


def _print_over_status(glimpse: Glimpse) -> None:
    printed = b"".join(glimpse.printed.values())
    if printed:
        typer.echo(_CLEAR, err=True, nl=False)
        _print_output(glimpse)
        if not printed.endswith(b"\n"):
            return  # the line goes on: a prompt, or a progress bar of its own
    width = shutil.get_terminal_size().columns - 1
    typer.echo(_CLEAR + _describe(glimpse)[:width], err=True, nl=False)


def _print_output(glimpse: Glimpse) -> None:
    for name, data in glimpse.printed.items():
        target = sys.stderr if name == "stderr" else sys.stdout
        if data:
            target.flush()
            target.buffer.write(data)
            target.buffer.flush()


def _describe(glimpse: Glimpse) -> str:
    state = "is running" if glimpse.status == "running" else f"was {glimpse.status}"
    if glimpse.status in ("finished", "failed"):
        state = glimpse.status
    parts = [f"run {glimpse.name} {state}, {format_duration(glimpse.duration_s)}"]
    if glimpse.run is not None:
        numbers = {name: number_of(each.value) for name, each in glimpse.run.metrics.items()}
    else:
        numbers = {name: point.value for name, point in glimpse.newest.items()}
        if numbers:
            newest = max(glimpse.newest.values(), key=lambda point: point.time_ns)
            parts.append(f"step {newest.step}")
    shown = list(numbers.items())[:_MOST_METRICS]
    parts += [f"{name} {format_number(value)}" for name, value in shown]
    if len(numbers) > len(shown):
        parts.append(f"{len(numbers) - len(shown)} more")
    return ", ".join(parts)
