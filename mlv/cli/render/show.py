"""One run in full."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import typer

from mlv.app.look.showing import ShownRun
from mlv.cli.render.output import (
    LONGEST_NAME,
    LONGEST_VALUE,
    fields_of,
    format_duration,
    format_number,
    format_param,
    format_size,
    format_time,
    format_value,
    print_json,
    show_text,
)
from mlv.cli.render.place import show_path
from mlv.core.environment import Environment
from mlv.core.params import Param, flatten_params
from mlv.core.run import Metric, Run, Submodule
from mlv.core.scalars import Scalar, number_of
from mlv.core.tree import Fingerprint


def print_run(shown: ShownRun, *, as_json: bool) -> None:
    """Print everything that is known of a run."""
    if as_json:
        members = fields_of(shown)
        # A run that goes on has no status of its own yet.
        members["run"] = {**msgspec.to_builtins(shown.run), "status": shown.status}
        print_json("mlv-run 1", **members)
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
    yield f"{run.kind} {show_text(run.name, LONGEST_NAME)} ({shown.short_id})"
    yield from _section("", _summary(run, shown.status))
    yield from _section("metrics", {name: _metric(m) for name, m in run.metrics.items()})
    params = flatten_params(run.params)
    yield from _section("params", {name: _param(param) for name, param in params.items()})
    inputs = {show_path(each.path): _fingerprint(each.fingerprint) for each in run.inputs}
    yield from _section("inputs", inputs)
    outputs = {show_path(each.path): _fingerprint(each.fingerprint) for each in run.outputs}
    yield from _section("outputs", outputs)
    yield from _section(
        "submodules", {show_path(e.path): _submodule(e) for e in run.code.submodules}
    )
    left_out = {show_path(each.path): each.reason for each in run.code.left_out}
    yield from _section("left out of the code snapshot", left_out)
    attachments = {name: format_size(each.size_bytes) for name, each in run.attachments.items()}
    yield from _section("attachments", attachments)
    if shown.environment is not None:
        yield from _section("environment", _environment(shown.environment))
    yield from _section("use of the machine", _system(run))
    switches = {name: format_value(value) for name, value in run.determinism.items()}
    yield from _section("determinism", switches)
    if run.problems:
        yield ""
        yield "problems"
        yield from (f"  {show_text(problem)}" for problem in run.problems)


def _summary(run: Run, status: str) -> dict[str, str]:
    end = f" (exit code {run.exit_code})" if run.exit_code else ""
    end = f" (signal {run.signal})" if run.signal else end
    code = run.code.commit[:12] or "no commit yet"
    code += " with uncommitted changes" if run.code.dirty and run.code.commit else ""
    branch = f" on {run.code.branch}" if run.code.branch else ""
    summary = {
        "id": run.id,
        "status": status + end,
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
        summary["note"] = "\n".join(run.note.splitlines())
    if run.parent:
        summary["part of"] = run.parent
    if run.resumed:
        summary["goes on from"] = run.resumed
    if run.reproduction:
        summary["reproduces"] = f"{run.reproduction.original}: {run.reproduction.verdict}"
    return summary


def _section(title: str, values: Mapping[Any, str]) -> Iterator[str]:
    if not values:
        return
    if title:
        yield ""
        yield title
    shown = [(show_text(str(name), LONGEST_NAME), value) for name, value in values.items()]
    width = max(len(name) for name, _ in shown)
    for name, value in shown:
        first, *more = value.split("\n")
        yield f"  {name:<{width}}  {show_text(first)}"
        yield from (f"  {'':<{width}}  {show_text(line)}" for line in more)


def _param(param: Param) -> str:
    return f"{show_text(format_param(param.value), LONGEST_VALUE)}  ({param.source})"


def _metric(metric: Metric) -> str:
    text = format_number(number_of(metric.value))
    if metric.n_values > 1 and metric.lowest is not None and metric.highest is not None:
        low, high = number_of(metric.lowest), number_of(metric.highest)
        text += f"  ({metric.n_values} values, {format_number(low)} to {format_number(high)})"
    return f"{text}  ({metric.source})"


def _submodule(submodule: Submodule) -> str:
    if not submodule.commit:
        return "not checked out"
    return submodule.commit[:12] + (" with uncommitted changes" if submodule.dirty else "")


def _system(run: Run) -> dict[str, str]:
    values = {}
    for full_name, metric in run.system.items():
        name = full_name.removeprefix("system/")
        text = _amount(name, metric.value)
        if metric.n_values > 1 and metric.highest is not None and metric.highest != metric.value:
            text += f"  (at most {_amount(name, metric.highest)})"
        values[name.removesuffix("_bytes")] = text
    return values


def _amount(name: str, value: Scalar) -> str:
    number = number_of(value)
    return format_size(int(number)) if name.endswith("_bytes") else format_number(number)


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
        n_editable = sum(each.editable for each in python.distributions)
        editable = f", {n_editable} of them editable" if n_editable else ""
        implementation = "" if python.implementation == "cpython" else f"{python.implementation} "
        n_packages = len(python.distributions)
        packages = f"{n_packages} package{'' if n_packages == 1 else 's'}{editable}"
        values["python"] = f"{implementation}{python.version}, {packages}"
        values |= {
            f"package {each.name}": f"commit {each.commit[:12]}{' with changes' * each.dirty}"
            for each in python.distributions
            if each.commit
        }
    machine = environment.machine
    values["system"] = f"{machine.os} on {machine.architecture}"
    usable = "" if machine.usable_cores is None else f", {machine.usable_cores:g} of them usable"
    values["cpu"] = f"{machine.cpu or 'unknown'}, {machine.n_cores or '?'} cores{usable}"
    values |= {f"gpu {i}": f"{g.name}, driver {g.driver}" for i, g in enumerate(machine.gpus)}
    if environment.container is not None:
        values["container"] = environment.container
    return values | environment.libraries
