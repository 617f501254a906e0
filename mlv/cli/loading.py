"""Load a command when it is asked for, so that the others cost nothing."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import typer
import typer.main

from mlv.cli.help_text import keep_blocks

if TYPE_CHECKING:
    from typer._click import Command

COMMANDS = (
    "init",
    "run",
    "recover",
    "log",
    "show",
    "diff",
    "reproduce",
    "rollback",
    "undo",
    "op",
)
"""Names of all commands, in the order in which help lists them.

Each is a function, or a group of commands, of that name in the module of that name.
"""


def load_command(name: str) -> Command:
    """Return the command called `name`, which is one of `COMMANDS`."""
    found = getattr(importlib.import_module(f"mlv.cli.commands.{name}"), name)
    if isinstance(found, typer.Typer):
        return typer.main.get_command(found)
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    # What follows the command of `run` belongs to that command.
    settings = {"allow_interspersed_args": name != "run"}
    app.command(name, help=keep_blocks(found.__doc__ or ""), context_settings=settings)(found)
    return typer.main.get_command(app)
