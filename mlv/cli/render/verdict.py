"""The verdict on a reproduction."""

from __future__ import annotations

from collections.abc import Iterator

import typer

from mlv.app.reproduce.preflight import Preflight
from mlv.app.reproduce.reproducing import ReproduceResult
from mlv.cli.render.diff import print_environment
from mlv.cli.render.output import fields_of, format_number, format_table, print_json
from mlv.cli.render.place import show_path
from mlv.core.run import Tolerance
from mlv.core.verdict import EXIT_CODES, Comparison, Verdict


def exit_code_of(verdict: Verdict, *, require_identical: bool) -> int:
    """Return the exit code for a verdict."""
    if verdict == "equivalent" and require_identical:
        return 1
    return EXIT_CODES[verdict]


def print_preflight(preflight: Preflight, *, as_json: bool) -> int:
    """Print what would stop a reproduction, and return the exit code."""
    if as_json:
        print_json("mlv-preflight 1", **fields_of(preflight))
    elif preflight.blockers:
        typer.echo(f"run {preflight.run.name} cannot be reproduced here:")
        for blocker in preflight.blockers:
            typer.echo(f"  {blocker.code}: {blocker.message}")
    else:
        typer.echo(f"run {preflight.run.name} can be reproduced here")
    return EXIT_CODES["cannot-run"] if preflight.blockers else 0


def print_verdict(result: ReproduceResult, *, as_json: bool) -> None:
    """Print what came out of a reproduction; the verdict comes last."""
    if as_json:
        print_json("mlv-reproduction 1", **fields_of(result))
        return
    if result.comparison is not None:
        for line in _comparison(result.comparison):
            typer.echo(line)
    print_environment(result.environment)
    for blocker in result.blockers:
        typer.echo(f"  {blocker.code}: {blocker.message}")
    if result.comparison is not None:
        for reason in result.comparison.reasons:
            typer.echo(f"  {reason}")
    typer.echo(f"verdict: {result.verdict} ({_explain(result)})")
    if result.kept is not None:
        typer.echo(f"its files are in {result.kept}", err=True)


def _explain(result: ReproduceResult) -> str:
    name = result.original.name
    return {
        "identical": f"run {name} came out the same, bit for bit",
        "equivalent": f"run {name} came out the same within its tolerances",
        "diverged": f"run {name} came out differently",
        "cannot-run": f"run {name} cannot be run here",
        "inconclusive": f"nothing of run {name} could be compared",
        "failed": f"the command of run {name} ended differently",
    }[result.verdict]


def _comparison(comparison: Comparison) -> Iterator[str]:
    if comparison.metrics:
        headers = ["metric", "recorded", "reproduced", "result", "tolerance"]
        rows = [
            [
                each.name,
                format_number(each.recorded),
                format_number(each.reproduced),
                each.result + _step(each.first_different_step),
                f"{_tolerance(each.tolerance)} ({each.tolerance_source})",
            ]
            for each in comparison.metrics
        ]
        yield format_table(headers, rows)
        yield ""
    if comparison.outputs:
        rows = [[show_path(each.path), each.result] for each in comparison.outputs]
        yield format_table(["output", "result"], rows)
        yield ""


def _step(step: int | None) -> str:
    return "" if step is None else f" from step {step}"


def _tolerance(tolerance: Tolerance) -> str:
    parts = [f"abs {tolerance.abs:g}"] if tolerance.abs else []
    parts += [f"rel {tolerance.rel:g}"] if tolerance.rel else []
    return ", ".join(parts) or "0"
