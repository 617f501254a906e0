"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from mlv.core.link_type import LinkType

RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="A run: name, beginning of its id, last, last~1, best:METRIC, tag:TAG, Git revision.",
    ),
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print no notes.")]

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print the plan; change nothing.")]

ReasonOption = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="Why, for the operation log.")
]

LinkOption = Annotated[
    LinkType | None,
    typer.Option("--link", metavar="TYPE", help="How files share bytes with the store."),
]
