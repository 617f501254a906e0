"""Options of `mlv run`."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from mlv.cli.completion import complete_stage


class Observer(str, Enum):
    """How the files that a command opens are watched."""

    python = "python"
    strace = "strace"
    none = "none"


def _many(*names: str, metavar: str, text: str) -> typer.models.OptionInfo:
    """Return an option that can be given several times."""
    option: typer.models.OptionInfo = typer.Option(*names, metavar=metavar, help=text)
    return option


_Texts = list[str] | None

CommandWords = Annotated[
    _Texts,
    typer.Argument(
        metavar="COMMAND",
        help="The command with its arguments, or a stage of mlv.yaml.",
        autocompletion=complete_stage,
    ),
]
Inputs = Annotated[
    _Texts,
    _many("--input", "-i", metavar="PATH", text="File, directory, pattern or URL that is read."),
]
Outputs = Annotated[
    _Texts, _many("--output", "-o", metavar="PATH", text="File or directory that is written.")
]
Params = Annotated[
    _Texts,
    _many("--params", "-p", metavar="FILE[:KEY,...]", text="Params file, or some keys of it."),
]
Sets = Annotated[
    _Texts, _many("--set", metavar="KEY=VALUE", text="Change a param in its file first.")
]
Metrics = Annotated[_Texts, _many("--metrics", "-m", metavar="FILE", text="Metrics file.")]
Boards = Annotated[
    _Texts, _many("--tensorboard", metavar="DIR", text="Directory of TensorBoard event files.")
]
Name = Annotated[str | None, typer.Option("--name", "-n", metavar="NAME", help="Name of the run.")]
Tags = Annotated[_Texts, _many("--tag", "-t", metavar="TAG", text="Tag of the run.")]
Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="Note on the run.")]
Isolated = Annotated[
    bool, typer.Option("--isolated", help="Run in a worktree of its own, and leave this one.")
]
ReuseEarlier = Annotated[
    bool, typer.Option("--reuse", help="Do not run when an earlier run was the same.")
]
RequireClean = Annotated[
    bool, typer.Option("--require-clean", help="Refuse code that no commit holds.")
]
Observe = Annotated[
    Observer, typer.Option("--observe", help="How to watch which files the command opens.")
]
NoObserve = Annotated[bool, typer.Option("--no-observe", help="The same as --observe none.")]
NoSystem = Annotated[
    bool, typer.Option("--no-system", help="Do not sample the use of the machine.")
]
StoreExternal = Annotated[
    bool, typer.Option("--store-external", help="Store inputs outside the repository as well.")
]
AllowSecrets = Annotated[
    _Texts,
    _many("--allow-secret", metavar="NAME", text="Record this, though it looks like a secret."),
]
