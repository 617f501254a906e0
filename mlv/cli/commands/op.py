"""`mlv op log`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlv.cli.help_text import keep_blocks
from mlv.cli.options import JsonOption

op = typer.Typer(
    help="Look at what was changed, when, and by whom.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@op.callback()
def _group() -> None:
    """Keep `log` a subcommand while it is the only one."""


def op_log(
    limit: Annotated[
        int, typer.Option("--limit", "-l", min=0, metavar="N", help="Show at most N; 0 for all.")
    ] = 20,
    as_json: JsonOption = False,
) -> None:
    """List operations, newest first.

    Examples:
        mlv op log
        mlv op log --limit 0 --json

    Exit codes:
        0  done
        3  no store
        7  the log is damaged
    """
    from mlv.app.look.operations import list_operations
    from mlv.cli.render.operations import print_operations
    from mlv.cli.session import open_here

    print_operations(list_operations(open_here(), limit=limit or None), as_json=as_json)


op.command("log", help=keep_blocks(op_log.__doc__ or ""))(op_log)
