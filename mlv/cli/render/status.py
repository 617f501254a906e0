"""Status: what differs from what."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import typer

from mlv.app.data.params_status import ParamStatus
from mlv.app.data.status import ChangedFile, CutShortStatus, DataStatus, Status
from mlv.cli.render.output import fields_of, format_value, print_json, terminal_width
from mlv.cli.render.place import show_path
from mlv.core.enumeration import enumerate_some

_N_SHOWN = 20
"""How many files of one pointer are listed on a terminal."""

_N_NAMED = 5
"""So many paths fit into a command to paste; without any, everything is checked out."""


def print_status(status: Status, *, as_json: bool) -> None:
    """Print what differs; one line when nothing does."""
    if as_json:
        print_json("mlv-status 1", **fields_of(status))
        return
    _print_data(status.data)
    _print_pointers(status)
    _print_params("params that differ from HEAD:", status.params_since_head)
    _print_params(f"params that differ from run {status.last_run}:", status.params_since_run)
    if not status.differs:
        typer.echo(_describe_clean(len(status.data)))
    if status.live_runs:
        names = ", ".join(status.live_runs)
        typer.echo(f"in progress, or cut short (see `mlv log`): {names}")
    for each in status.cut_short:
        typer.echo(_describe_cut_short(each))


def _describe_cut_short(change: CutShortStatus) -> str:
    data = [show_path(path) for path in change.data]
    if change.kind == "undo":
        what = f"an undo was cut short: {enumerate_some(data)}"
        return f"{what}  (finish it with `mlv undo`)"
    words = ["mlv", "checkout", *(["--rev", change.revision] if change.revision else [])]
    command = shlex.join([*words, *(data if len(data) <= _N_NAMED else [])])
    what = f"a checkout was cut short: {enumerate_some(data)}"
    return f"{what}  (finish it with `{command}`, or go back with `mlv undo`)"


def _print_data(data: Sequence[DataStatus]) -> None:
    modified = [each for each in data if each.state == "modified"]
    if modified:
        typer.echo("data that differs from its pointer:")
        for each in modified:
            typer.echo(f"  {show_path(each.path)}")
            _print_files(each.files)
        typer.echo("  (store it with `mlv track`, or go back with `mlv checkout`)")
    missing = [each for each in data if each.state == "missing" and each.stored]
    if missing:
        typer.echo("data that is not there:")
        for each in missing:
            typer.echo(f"  {show_path(each.path)}")
        typer.echo("  (bring it back with `mlv checkout`)")
    absent = [each for each in data if not each.stored]
    if absent:
        typer.echo("data that is not in the store here:")
        for each in absent:
            there = {"clean": "there", "modified": "another version is there"}.get(each.state)
            typer.echo(f"  {show_path(each.path)}" + (f"  ({there})" if there else ""))
        if any(each.state == "clean" for each in absent):
            typer.echo("  (store what is there with `mlv fsck --repair`)")
        else:
            typer.echo("  (look for another copy of this `.mlv` store)")


def _print_files(files: Sequence[ChangedFile]) -> None:
    n_shown = len(files) if terminal_width() is None else _N_SHOWN
    for file in files[:n_shown]:
        came_from = f"{show_path(file.old_path)} -> " if file.old_path else ""
        typer.echo(f"    {file.state:<12}  {came_from}{show_path(file.path)}")
    if len(files) > n_shown:
        typer.echo(f"    … and {len(files) - n_shown} more")


def _print_pointers(status: Status) -> None:
    if status.broken:
        typer.echo("pointers that cannot be read:")
        for problem in status.broken.values():
            typer.echo(f"  {problem}")
    if status.pointers:
        typer.echo("pointers that differ from HEAD:")
        for each in status.pointers:
            typer.echo(f"  {each.state:<8}  {show_path(each.path)}")


def _print_params(heading: str, params: Sequence[ParamStatus]) -> None:
    if params:
        typer.echo(heading)
        for each in params:
            old = format_value(each.old) if each.in_old else "(none)"
            new = format_value(each.new) if each.in_new else "(none)"
            typer.echo(f"  {each.name}: {old} -> {new}  ({show_path(each.file)})")


def _describe_clean(n_data: int) -> str:
    if n_data == 0:
        return "nothing differs, and no data is tracked (see `mlv track --help`)"
    return f"nothing differs: {n_data} tracked {'path is' if n_data == 1 else 'paths are'} clean"
