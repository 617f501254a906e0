"""What the shell completes besides commands and options."""

from __future__ import annotations

import typer


def complete_stage(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the stages of `mlv.yaml` that begin so; later words are left to the shell."""
    if ctx.params.get("command"):
        return []
    from mlv.cli.session import current_directory
    from mlv.config import load_settings
    from mlv.errors import MlvError

    try:
        stages = load_settings(current_directory()).project.stages
    except MlvError:
        return []
    return [name for name in stages if name.startswith(incomplete)]
