"""What `gc` freed, and what `fsck` found."""

from __future__ import annotations

from collections.abc import Iterator

import typer

from mlv.app.keep.faults import Fault
from mlv.app.keep.fsck import FsckResult
from mlv.app.keep.gc import GcResult, Pile
from mlv.cli.render.output import fields_of, format_number, format_size, print_json
from mlv.core.enumeration import enumerate_some
from mlv.errors import CorruptDataError

_MOST_SHOWN = 20
_PARTLY = 4


def print_collected(result: GcResult, *, as_json: bool) -> None:
    """Print what a collection of garbage did, or would do."""
    if as_json:
        print_json("mlv-gc 1", **fields_of(result), freed_bytes=result.freed_bytes)
        return
    lines = list(_describe_collected(result))
    for line in lines or ["nothing to do: there is no garbage"]:
        typer.echo(line)
    if result.missing:
        who = enumerate_some(result.missing)
        typer.echo(f"warning: objects are gone that are needed by {who}", err=True)
    for name in result.damaged_packs:
        typer.echo(f"warning: pack {name[:12]} is damaged, and was left as it is", err=True)
    if result.missing or result.damaged_packs:
        typer.echo("hint: find what can be saved with `mlv fsck --full --repair`", err=True)


def print_checked(result: FsckResult, *, repair: bool, as_json: bool) -> None:
    """Print what is wrong with a store, and what was put right if it was to be repaired."""
    if as_json:
        print_json("mlv-fsck 1", **fields_of(result), n_left=result.n_left)
        return
    for fault in result.faults[:_MOST_SHOWN]:
        typer.echo(_describe_fault(fault))
        if fault.affects:
            typer.echo(f"  affects {enumerate_some(fault.affects)}")
    n_more = len(result.faults) - _MOST_SHOWN
    if n_more > 0:
        typer.echo(f"... and {n_more} more: `mlv fsck --json` lists all")
    typer.echo(_summarize(result))
    if result.n_left:
        typer.echo(f"hint: {_advise(repair=repair)}", err=True)


def exit_code_of(result: FsckResult) -> int:
    """Return 0 when all is well by now, 4 when a part was put right, 7 when nothing was."""
    if not result.n_left:
        return 0
    return _PARTLY if result.n_left < len(result.faults) else CorruptDataError.exit_code


def _describe_fault(fault: Fault) -> str:
    where = fault.where[:12] if fault.kind in ("object", "record") else fault.where
    state = "repaired: " if fault.repaired else ""
    return f"{state}{fault.kind.replace('-', ' ')} {where}: {fault.problem}"


def _summarize(result: FsckResult) -> str:
    n_faults, n_left = len(result.faults), result.n_left
    if not n_faults:
        depth = "" if result.full else "; `mlv fsck --full` reads every byte"
        return f"no fault found: {result.n_needed} objects are needed and there{depth}"
    count = "1 fault" if n_faults == 1 else f"{n_faults} faults"
    if not n_left:
        return f"{count}, all repaired; what was damaged is kept in .mlv/quarantine"
    if n_left < n_faults:
        return f"{count}, {n_faults - n_left} of them repaired"
    return count


def _advise(*, repair: bool) -> str:
    if not repair:
        return "put right what can be with `mlv fsck --full --repair`"
    return "put a copy of what is affected at its path in the worktree, and repair again"


def _describe_collected(result: GcResult) -> Iterator[str]:
    would = result.dry_run
    days = format_number(result.grace_days)
    if result.thrown.n and result.grace_days:
        action = "would go" if would else "went"
        later = f"to be deleted after {days} {'day' if days == '1' else 'days'}"
        yield f"{_count(result.thrown, 'object')} {action} to the trash, {later}"
    if result.restored.n:
        action = "would come" if would else "came"
        yield f"{_count(result.restored, 'file')} {action} back from the trash"
    for pile, what in (
        (result.deleted, "file of the trash"),
        (result.temporary, "unfinished file"),
        (result.sandboxes, "worktree of a reproduction"),
    ):
        if pile.n:
            yield f"{_count(pile, what)} {'would be' if would else ''} deleted".replace("  ", " ")
    if result.n_saved:
        what = "saved worktree" if result.n_saved == 1 else "saved worktrees"
        yield f"{result.n_saved} {what} {'would be ' if would else ''}dropped"
    if result.freed_bytes:
        yield f"{'would free' if would else 'freed'} {format_size(result.freed_bytes)}"


def _count(pile: Pile, what: str) -> str:
    noun, _, rest = what.partition(" of ")
    nouns = (noun if pile.n == 1 else f"{noun}s") + (f" of {rest}" if rest else "")
    return f"{pile.n} {nouns} ({format_size(pile.size_bytes)})"
