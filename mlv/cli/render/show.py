"""One run in full."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import typer

from mlv.app.look.showing import ShownRun
from mlv.cli.render.output import (
    fields_of,
    format_duration,
    format_number,
    format_size,
    format_time,
    format_value,
    print_json,
)
from mlv.cli.render.place import show_path
from mlv.core.environment import Environment
from mlv.core.params import flatten_params
from mlv.core.run import Metric, Run
from mlv.core.scalars import number_of
from mlv.core.tree import Fingerprint


def print_run(shown: ShownRun, *, as_json: bool) -> None:
    """Print everything that is known of a run."""
    if as_json:
        print_json("mlv-run 1", **fields_of(shown))
        return
    for line in _lines(shown):
        typer.echo(line)


def print_console(streams: Mapping[str, bytes]) -> None:
    """Print what a command printed: its output to ours, its errors to ours."""
    for name, data in streams.items():
        target = sys.stderr if name == "stderr" else sys.stdout
        target.flush()
        target.buffer.write(data)
        target.buffer.flush()


def _lines(shown: ShownRun) -> Iterator[str]:
    run = shown.run
    yield f"{run.kind} {run.name} ({shown.short_id})"
    yield from _section("", _summary(run))
    yield from _section("metrics", {name: _metric(m) for name, m in run.metrics.items()})
    params = flatten_params(run.params)
    yield from _section(
        "params", {n: f"{format_value(p.value)}  ({p.source})" for n, p in params.items()}
    )
    inputs = {show_path(each.path): _fingerprint(each.fingerprint) for each in run.inputs}
    yield from _section("inputs", inputs)
    outputs = {show_path(each.path): _fingerprint(each.fingerprint) for each in run.outputs}
    yield from _section("outputs", outputs)
    left_out = {show_path(each.path): each.reason for each in run.code.left_out}
    yield from _section("left out of the code snapshot", left_out)
    if shown.environment is not None:
        yield from _section("environment", _environment(shown.environment))
    if run.problems:
        yield ""
        yield "problems"
        yield from (f"  {problem}" for problem in run.problems)


def _summary(run: Run) -> dict[str, str]:
    end = f" (exit code {run.exit_code})" if run.exit_code else ""
    end = f" (signal {run.signal})" if run.signal else end
    code = run.code.commit[:12] + (" with uncommitted changes" if run.code.dirty else "")
    branch = f" on {run.code.branch}" if run.code.branch else ""
    summary = {
        "id": run.id,
        "status": run.status + end,
        "started": format_time(run.started_at),
        "time": format_duration(run.duration_s),
        "by": f"{run.user} on {run.host}",
        "command": shlex.join(run.command.argv),
        "directory": run.command.directory,
        "code": code + branch,
        "snapshot": run.code.snapshot[:12],
    }
    if run.tags:
        summary["tags"] = ", ".join(run.tags)
    if run.note:
        summary["note"] = run.note
    if run.reproduction:
        summary["reproduces"] = f"{run.reproduction.original}: {run.reproduction.verdict}"
    return summary


def _section(title: str, values: Mapping[Any, str]) -> Iterator[str]:
    if not values:
        return
    if title:
        yield ""
        yield title
    width = max(len(name) for name in values)
    for name, value in values.items():
        yield f"  {name:<{width}}  {value}"


def _metric(metric: Metric) -> str:
    text = format_number(number_of(metric.value))
    if metric.n_values > 1 and metric.lowest is not None and metric.highest is not None:
        low, high = number_of(metric.lowest), number_of(metric.highest)
        text += f"  ({metric.n_values} values, {format_number(low)} to {format_number(high)})"
    return f"{text}  ({metric.source})"


def _fingerprint(fingerprint: Fingerprint | None) -> str:
    if fingerprint is None:
        return "changed before it could be recorded"
    size = format_size(fingerprint.content_bytes)
    count = fingerprint.n_files
    files = f", {count} file{'' if count == 1 else 's'}" if fingerprint.kind == "dir" else ""
    return f"{fingerprint.digest[:12]}  {size}{files}"


def _environment(environment: Environment) -> dict[str, str]:
    values = {}
    python = environment.interpreter
    if python is not None:
        values["python"] = f"{python.version}, {len(python.distributions)} packages"
    machine = environment.machine
    values["system"] = f"{machine.os} on {machine.architecture}"
    values["cpu"] = f"{machine.cpu or 'unknown'}, {machine.n_cores or '?'} cores"
    values |= {f"gpu {i}": gpu.name for i, gpu in enumerate(machine.gpus)}
    return values
