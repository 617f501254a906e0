"""`mlv fsck`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlv.cli.options import JsonOption, QuietOption


def fsck(
    full: Annotated[bool, typer.Option("--full", help="Read every byte.")] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Put right what can be put right.")
    ] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Check that the store is whole, and say which runs each fault affects.

    Headers, indexes, the operation log, and all that runs and pointers name are checked;
    with --full every byte is. A repair takes lost objects from other copies and from
    files of the worktree, and deletes nothing.

    Examples:
        mlv fsck --full
        mlv fsck --repair

    Exit codes:
        0  all is well, or was put right
        3  no store, others write to it, or the disk is failing
        4  only a part could be put right
        7  something is damaged
    """
    from mlv.app.keep.fsck import FsckRequest, check_store
    from mlv.app.workspace import inspect_workspace
    from mlv.cli.render.keep import exit_code_of, print_checked
    from mlv.cli.session import TerminalReporter, current_directory
    from mlv.config import load_settings

    here = current_directory()
    workspace = inspect_workspace(here, load_settings(here))
    request = FsckRequest(full=full, repair=repair)
    result = check_store(workspace, request, TerminalReporter(quiet=quiet))
    print_checked(result, repair=repair, as_json=as_json)
    raise typer.Exit(exit_code_of(result))
