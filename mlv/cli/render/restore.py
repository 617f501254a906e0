"""Rollback and undo."""

from __future__ import annotations

import sys

import typer

from mlv.app.restore.rollback import RollbackPlan, RollbackResult
from mlv.app.restore.undo import UndoResult
from mlv.cli.render.data import describe_checked_out
from mlv.cli.render.output import fields_of, print_json
from mlv.cli.render.place import show_path
from mlv.core.operation import HideRun, Undo


def confirm_overwrite(plan: RollbackPlan) -> bool:
    """Ask on a terminal whether unsaved changes may be replaced; elsewhere they may not."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    typer.echo("these changes are in no commit and in no run:", err=True)
    for path in plan.unsaved:
        typer.echo(f"  {show_path(path)}", err=True)
    question = "replace them? (`mlv undo` brings them back)"
    return typer.confirm(question, err=True)


def print_plan(plan: RollbackPlan, *, as_json: bool) -> None:
    """Print what a rollback would do."""
    if as_json:
        print_json("mlv-rollback-plan 1", **fields_of(plan))
        return
    for file in plan.files:
        mark = "  (its present content is in no commit and in no run)" if file.unsaved else ""
        typer.echo(f"{file.action} {show_path(file.path)}{mark}")
    for path in plan.directories:
        typer.echo(f"create {show_path(path)}/")
    for path in plan.unknown:
        typer.echo(f"leave {show_path(path)}")
    for path in plan.behind_links:
        typer.echo(f"leave {show_path(path)}  (behind a symbolic link)")
    if not plan.files and not plan.directories:
        typer.echo(f"nothing to do: the files are those of run {plan.run.name} already")


def print_rollback(result: RollbackResult, *, as_json: bool) -> None:
    """Print what a rollback did."""
    if as_json:
        print_json("mlv-rollback 1", **fields_of(result))
        return
    plan = result.plan
    if result.operation is None:
        which = "the other files" if plan.behind_links else "the files"
        typer.echo(f"nothing to do: {which} are those of run {plan.run.name} already")
        return
    for file in plan.files:
        action = "created" if file.action == "create" else "replaced"
        typer.echo(f"{action} {show_path(file.path)}")
    for path in plan.directories:
        typer.echo(f"created {show_path(path)}/")
    typer.echo(f"the worktree is now that of run {plan.run.name}; `mlv undo` takes it back")


def print_undo(result: UndoResult, *, as_json: bool) -> None:
    """Print what an undo did."""
    if as_json:
        print_json("mlv-undo 1", **fields_of(result))
        return
    for change in result.files.files if result.files else ():
        action = "removed" if change.after is None else "restored"
        typer.echo(f"{action} {show_path(change.path)}")
    for planned in result.data:
        typer.echo(describe_checked_out(planned))
    done = result.operation.operation.change
    if isinstance(done, Undo) and isinstance(done.inverse, HideRun):
        typer.echo("the run is hidden; its record and its files are kept")
    typer.echo(f"undid {result.undone.id[:12]}: {result.summary}")
    typer.echo(f"`mlv undo {result.operation.id[:12]}` does it again")
