"""What a command has to be told so that it finds the code below another root."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from mlv.app.record.environment import find_own_source
from mlv.app.workspace import Workspace
from mlv.core.environment import Environment


def move_text(old_root: Path, new_root: Path, text: str) -> str:
    """Return text in which paths below one root are the same paths below another.

    A path begins where the text does, or after white space, one of `=:,` or a quote.
    """
    pattern = rf"(^|[\s=:,'\"]){re.escape(str(old_root))}(?=[/\s:,'\"]|$)"
    return re.sub(pattern, lambda match: f"{match.group(1)}{new_root}", text)


def lead_modules(
    workspace: Workspace, environment: Environment | None, root: Path
) -> dict[str, str]:
    """Return the variable by which Python finds the modules below another root, if any.

    Packages that are installed in editable mode from the worktree are found there first.

    Args:
        workspace: Whose worktree the modules would be found in otherwise.
        environment: What is installed; None when it is not known.
        root: The other root.
    """
    entries = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    for source in _editable_sources(workspace, environment):
        entries += [str(source / "src"), str(source)]
    moved = [move_text(workspace.root, root, entry) for entry in dict.fromkeys(entries)]
    return {"PYTHONPATH": os.pathsep.join(moved)} if moved else {}


def _editable_sources(workspace: Workspace, environment: Environment | None) -> Iterator[Path]:
    if environment is None or environment.interpreter is None:
        return
    for each in environment.interpreter.distributions:
        source = find_own_source(workspace, each)
        if source is not None and each.editable:
            yield source
