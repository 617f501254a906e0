"""One module a command: parse, call `mlv.app`, render."""

from __future__ import annotations

import typer

from mlv.cli.commands.diff import diff
from mlv.cli.commands.init import init
from mlv.cli.commands.log import log
from mlv.cli.commands.op import op_app
from mlv.cli.commands.recover import recover
from mlv.cli.commands.reproduce import reproduce
from mlv.cli.commands.rollback import rollback
from mlv.cli.commands.run import run
from mlv.cli.commands.show import show
from mlv.cli.commands.undo import undo
from mlv.cli.help_text import keep_blocks

_COMMANDS = (init, run, recover, log, show, diff, reproduce, rollback, undo)
"""In the order in which help lists them."""


def register_commands(app: typer.Typer) -> None:
    """Add every command to the application, in the order in which help lists them."""
    for command in _COMMANDS:
        # What follows the command of `run` belongs to that command.
        settings = {"allow_interspersed_args": command is not run}
        app.command(help=keep_blocks(command.__doc__ or ""), context_settings=settings)(command)
    app.add_typer(op_app, name="op")
