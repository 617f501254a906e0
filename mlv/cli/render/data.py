"""Track, untrack and check out data."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from mlv.app.data.checkout import CheckoutResult
from mlv.app.data.merge import MergeResult
from mlv.app.data.plan import PlannedData
from mlv.app.data.track import TrackedData, TrackResult
from mlv.app.data.untrack import UntrackResult
from mlv.cli.render.output import fields_of, format_size, print_json
from mlv.cli.render.place import quote_path, show_path
from mlv.core.pointer import pointer_path
from mlv.core.tree import Fingerprint

_MANY = 5
_REASONS = {
    "both-added": "added on both sides",
    "both-changed": "changed on both sides",
    "deleted-here": "deleted here, changed there",
    "deleted-there": "changed here, deleted there",
    "kind-differs": "of different kinds on both sides",
}


def print_tracked(result: TrackResult, *, dry_run: bool, as_json: bool) -> None:
    """Print what was tracked, or would be."""
    if as_json:
        print_json("mlv-track 1", **fields_of(result))
        return
    changed = [each for each in result.data if each.changed]
    for each in changed:
        typer.echo(_describe_tracked(each, dry_run=dry_run))
    same = [each for each in result.data if not each.changed]
    if same and len(same) <= _MANY:
        for each in same:
            typer.echo(f"unchanged {show_path(each.path)}: {_amount(each.after)}")
    elif same:
        typer.echo(f"unchanged: {len(same)} paths")
    if dry_run or not (changed or result.ignore_files):
        return
    written = [*(each.pointer for each in changed), *result.ignore_files]
    typer.echo(f"commit with `{_git_add(written)}`")


def print_untracked(result: UntrackResult, *, as_json: bool) -> None:
    """Print what is tracked no more."""
    if as_json:
        print_json("mlv-untrack 1", **fields_of(result))
        return
    for each in result.data:
        kept = "its data stays" if each.there else "its data was not there"
        typer.echo(f"untracked {show_path(each.path)}: removed {show_path(each.pointer)}, {kept}")
    there = [each.path for each in result.data if each.there]
    if there:
        typer.echo(f"to let Git track the data: `git add {_quote(there)}`")
    if result.to_commit:
        typer.echo(f"commit with `{_git_add(result.to_commit)}`")


def print_checkout_plan(plan: CheckoutResult, *, as_json: bool) -> None:
    """Print what a check-out would do."""
    if as_json:
        print_json("mlv-checkout 1", **fields_of(plan))
        return
    for each in plan.data:
        for file in each.files:
            mark = "  (its present content is not stored)" if file.unsaved else ""
            typer.echo(f"{file.action} {show_path(file.path)}{mark}")
        for path in each.kept:
            typer.echo(f"leave {show_path(path)}")
    for path in plan.pointers:
        typer.echo(f"set {show_path(path)}")
    if not (plan.data or plan.pointers):
        typer.echo("nothing to do: the data is as its pointers say")


def print_checked_out(result: CheckoutResult, *, as_json: bool) -> None:
    """Print what a check-out did."""
    if as_json:
        print_json("mlv-checkout 1", **fields_of(result))
        return
    if result.operation is None:
        typer.echo("nothing to do: the data is as its pointers say")
        return
    for each in result.data:
        typer.echo(describe_checked_out(each))
    for path in result.pointers:
        typer.echo(f"set {show_path(path)}")
    typer.echo("`mlv undo` takes it back")


def describe_checked_out(planned: PlannedData) -> str:
    """Return one line for data that was changed."""
    path = show_path(planned.path)
    if planned.target is None and not planned.kept:
        return f"removed {path}"
    if planned.present is None and planned.target is not None:
        return f"created {path}: {_amount(planned.target)}"
    actions = [file.action for file in planned.files]
    counts = [
        f"{actions.count(action)} {done}"
        for action, done in (("create", "created"), ("replace", "replaced"), ("remove", "removed"))
        if action in actions
    ]
    return f"updated {path}: {', '.join(counts) or 'directories'}"


def print_conflicts(result: MergeResult) -> None:
    """Say on standard error what both sides changed, and what to do about it."""
    if not result.conflicts:
        return
    for conflict in result.conflicts:
        typer.echo(f"conflict: {conflict.path} was {_REASONS[conflict.reason]}", err=True)
    data, pointer = quote_path(result.path), pointer_path(result.path)
    there = [each.path for each in result.conflicts if each.reason != "deleted-there"]
    gone = [each.path for each in result.conflicts if each.reason == "deleted-there"]
    theirs = [f"`mlv checkout --rev MERGE_HEAD {quote_path(path)}`" for path in there[:1]]
    theirs += [f"`rm -r {quote_path(path)}`" for path in gone[:1]]
    # Git calls the driver before it writes any of these, so nobody can tell which it will be.
    elsewhere = " (REBASE_HEAD in a rebase, CHERRY_PICK_HEAD in a cherry-pick)" if there else ""
    typer.echo(
        f"hint: {show_path(pointer)} holds our side of them: bring the data there with "
        f"`mlv checkout {data}`; take theirs with {' and '.join(theirs)}{elsewhere}; "
        f"then `mlv track {data}` and `git add {quote_path(pointer)}`",
        err=True,
    )


def _describe_tracked(tracked: TrackedData, *, dry_run: bool) -> str:
    path, amount = show_path(tracked.path), _amount(tracked.after)
    if tracked.before is None:
        return f"{'would track' if dry_run else 'tracked'} {path}: {amount}"
    counts = {
        "added": tracked.n_added,
        "modified": tracked.n_modified,
        "removed": tracked.n_removed,
    }
    changes = ", ".join(f"{n} {done}" for done, n in counts.items() if n)
    what = f"{amount} ({changes})" if changes else amount
    return f"{'would update' if dry_run else 'updated'} {path}: {what}"


def _amount(data: Fingerprint) -> str:
    size = format_size(data.content_bytes)
    if data.kind != "dir":
        return size
    return f"1 file, {size}" if data.n_files == 1 else f"{data.n_files:,} files, {size}"


def _git_add(paths: Sequence[str]) -> str:
    if len(paths) > _MANY:
        return "git add -- ':/*.mlv' ':/*.gitignore'"
    return f"git add {_quote(paths)}"


def _quote(paths: Sequence[str]) -> str:
    return " ".join(quote_path(path) for path in paths)
