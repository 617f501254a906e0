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
    "track",
    "untrack",
    "status",
    "checkout",
    "run",
    "recover",
    "log",
    "show",
    "diff",
    "export",
    "reproduce",
    "rollback",
    "undo",
    "op",
    "fsck",
    "gc",
)
"""Names of all commands, in the order in which help lists them.

Each is a function, or a group of commands, of that name in the module of that name.
"""

_INTERNAL = ("merge-pointer",)
"""Commands for other programs to call, which help does not list."""


def is_command(name: str) -> bool:
    """Tell whether there is a command called `name`, listed or not."""
    return name in COMMANDS or name in _INTERNAL


def load_command(name: str) -> Command:
    """Return the command called `name`, for which `is_command` holds."""
    word = name.replace("-", "_")
    found = getattr(importlib.import_module(f"mlv.cli.commands.{word}"), word)
    if isinstance(found, typer.Typer):
        return typer.main.get_command(found)
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    # What follows the command of `run` belongs to that command.
    settings = {"allow_interspersed_args": name != "run"}
    app.command(name, help=keep_blocks(found.__doc__ or ""), context_settings=settings)(found)
    return typer.main.get_command(app)
