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

_COMMANDS = {
    "Start": (init,),
    "Record": (run, recover),
    "Look": (log, show, diff),
    "Act": (reproduce, rollback, undo),
}


def register_commands(app: typer.Typer) -> None:
    """Add every command to the application, in the order in which help lists them."""
    for commands in _COMMANDS.values():
        for command in commands:
            words = command is run
            app.command(context_settings={"allow_interspersed_args": not words})(command)
    app.add_typer(op_app, name="op")
