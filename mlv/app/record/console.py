"""What a command printed."""

from __future__ import annotations

from pathlib import Path

from mlv.app.workspace import Workspace
from mlv.capture.kept_log import finish_log
from mlv.core.run import Content
from mlv.store.failures import storage_errors

_STREAMS = ("stdout", "stderr")


def store_console(workspace: Workspace, live: Path) -> dict[str, Content]:
    """Store what was kept of the command's output; streams that stayed empty are absent."""
    paths = {name: live / f"{name}.log" for name in _STREAMS}
    with storage_errors("keep the output of the command"):
        kept = {name: finish_log(path) for name, path in paths.items() if path.exists()}
    filled = {name: log.path for name, log in kept.items() if log.size_bytes}
    if not filled:
        return {}
    with workspace.objects.transaction() as objects:
        return {name: objects.add_file(path) for name, path in filled.items()}
