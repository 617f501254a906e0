"""What a person asks `mlv run` for, in their own words."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

Observe = Literal["python", "strace", "none"]
"""How the files that a command opens are watched."""


class RunOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The words of one command line.

    Attributes:
        words: The command, or the name of a stage and what goes after its command.
        is_command: Whether `words` are a command even when the first names a stage.
        directory: Where the person stands; paths are relative to it.
        name, tags, note: What to call the run, and what to say of it.
        inputs: Files, directories, patterns and URLs.
        outputs, metrics, tensorboard: Files and directories.
        params: Params files, as `FILE` or `FILE:KEY,KEY`.
        sets: Params to change first, as `KEY=VALUE` or `FILE:KEY=VALUE`.
        observe: How opened files are watched.
        system: Whether to sample the use of the machine.
        store_external: Whether inputs outside the repository are stored.
        require_clean: Whether to refuse code that no commit holds.
        allow_secrets: Names that look like secrets and are none.
        isolated: Whether to run in a worktree of its own.
        reuse: Whether an earlier run will do that is the same.
    """

    words: tuple[str, ...]
    is_command: bool = False
    directory: Path
    name: str | None = None
    tags: tuple[str, ...] = ()
    note: str = ""
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    tensorboard: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    observe: Observe = "python"
    system: bool = True
    store_external: bool = False
    require_clean: bool = False
    allow_secrets: tuple[str, ...] = ()
    isolated: bool = False
    reuse: bool = False
