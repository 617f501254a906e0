"""Store what a script attached to its run: figures, tables and texts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mlv.app.workspace import Workspace
from mlv.capture.run_directory import ATTACHMENTS, MAX_ATTACHMENT_BYTES
from mlv.core.enumeration import enumerate_some
from mlv.core.run import Content
from mlv.store.failures import storage_errors

_MAX_ATTACHMENTS = 10_000
"""Of one run: all of them are named in its record."""


class SealedAttachments(msgspec.Struct, frozen=True, kw_only=True):
    """What a record says of attachments.

    Attributes:
        attachments: The stored files, by name.
        problems: What was not stored.
    """

    attachments: dict[str, Content]
    problems: tuple[str, ...] = ()


def seal_attachments(workspace: Workspace, directory: Path) -> SealedAttachments:
    """Store the attachments of a run.

    Args:
        workspace: Where.
        directory: Of the run, or of one nested in it.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    top = directory / ATTACHMENTS
    if not top.is_dir():
        return SealedAttachments(attachments={})
    stored: dict[str, Content] = {}
    left: list[str] = []
    with (
        storage_errors("store what the script attached"),
        workspace.objects.transaction() as objects,
    ):
        for path in sorted(_list_files(top)):
            name = path.relative_to(top).as_posix()
            if len(stored) == _MAX_ATTACHMENTS or path.stat().st_size > MAX_ATTACHMENT_BYTES:
                left.append(name)
            else:
                stored[name] = objects.add_file(path)
    if not left:
        return SealedAttachments(attachments=stored)
    verb = "is" if len(left) == 1 else "are"
    problem = f"{enumerate_some(left)} {verb} not attached: too large, or too many"
    return SealedAttachments(attachments=stored, problems=(problem,))


def _list_files(top: Path) -> Iterator[Path]:
    for place, directories, files in os.walk(top):
        directories[:] = [name for name in directories if not name.startswith(".")]
        # What begins with a dot was being written when the process died.
        found = (Path(place, name) for name in files if not name.startswith("."))
        yield from (path for path in found if path.is_file() and not path.is_symlink())
