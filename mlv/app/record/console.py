"""What a command printed."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import msgspec

from mlv.app.workspace import Workspace
from mlv.capture.execution.kept_log import finish_log
from mlv.capture.execution.redact_log import redact_log
from mlv.capture.redact import Redactor
from mlv.core.run import Content
from mlv.store.failures import storage_errors

_STREAMS = ("stdout", "stderr")


class Console(msgspec.Struct, frozen=True, kw_only=True):
    """What was kept of a command's output.

    Attributes:
        streams: By name; those that stayed empty are absent.
        problems: What was done to it.
    """

    streams: dict[str, Content]
    problems: tuple[str, ...] = ()


def store_console(
    workspace: Workspace, live: Path, allowed_secrets: tuple[str, ...] = ()
) -> Console:
    """Store what was kept of the command's output, without the secrets in it.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    paths = {name: live / f"{name}.log" for name in _STREAMS}
    problems = []
    with storage_errors("keep the output of the command"):
        kept = {name: finish_log(path) for name, path in paths.items() if path.exists()}
        filled = [name for name, log in kept.items() if log.size_bytes]
        for name in filled:
            redactor = Redactor(allowed_secrets)
            if redact_log(paths[name], partial(redactor.redact_text, name="")):
                what = ", ".join(sorted(filter(None, redactor.taken))) or "a token"
                problems.append(f"what looks like a secret was taken out of {name}: {what}")
    if not filled:
        return Console(streams={})
    with workspace.objects.transaction() as objects:
        streams = {name: objects.add_file(paths[name]) for name in filled}
    return Console(streams=streams, problems=tuple(problems))
