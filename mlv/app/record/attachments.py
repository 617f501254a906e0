"""Store what a script attached to its run: figures, tables and texts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from mlv.app.workspace import Workspace
from mlv.capture.execution.run_directory import ATTACHMENTS, MAX_ATTACHMENT_BYTES
from mlv.capture.redact import Redactor
from mlv.core.enumeration import enumerate_some
from mlv.core.run import Content
from mlv.core.secret_shapes import find_secret
from mlv.store.failures import storage_errors

_MAX_ATTACHMENTS = 10_000
"""Of one run: all of them are named in its record."""
_TEXTS = frozenset(".csv .tsv .json .jsonl .txt .md .html .yaml .yml .toml .log".split())
_MAX_TEXT_BYTES = 1 << 20


class SealedAttachments(msgspec.Struct, frozen=True, kw_only=True):
    """What a record says of attachments.

    Attributes:
        attachments: The stored files, by name.
        problems: What was not stored.
    """

    attachments: dict[str, Content]
    problems: tuple[str, ...] = ()


def seal_attachments(
    workspace: Workspace, directory: Path, allowed: Sequence[str] = ()
) -> SealedAttachments:
    """Store the attachments of a run, texts among them without secrets.

    Args:
        workspace: Where.
        directory: Of the run, or of one nested in it.
        allowed: Names that look like secrets and are none.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    top = directory / ATTACHMENTS
    if not top.is_dir():
        return SealedAttachments(attachments={})
    stored: dict[str, Content] = {}
    left: list[str] = []
    redactor = Redactor(allowed)
    redacted: list[str] = []
    with (
        storage_errors("store what the script attached"),
        workspace.objects.transaction() as objects,
    ):
        for path in sorted(_list_files(top)):
            name = path.relative_to(top).as_posix()
            if len(stored) == _MAX_ATTACHMENTS or path.stat().st_size > MAX_ATTACHMENT_BYTES:
                left.append(name)
            elif (text := _redact(redactor, path, name)) is not None:
                stored[name] = objects.add_bytes(text)
                redacted.append(name)
            else:
                stored[name] = objects.add_file(path)
    problems = []
    if left:
        verb = "is" if len(left) == 1 else "are"
        problems.append(f"{enumerate_some(left)} {verb} not attached: too large, or too many")
    if redacted:
        names = enumerate_some(redacted)
        problems.append(f"what looks like a secret was taken out of the attached {names}")
    return SealedAttachments(attachments=stored, problems=tuple(problems))


def _redact(redactor: Redactor, path: Path, name: str) -> bytes | None:
    """Return a text without its secrets, None when it holds none or is no small text."""
    if path.suffix.lower() not in _TEXTS or path.stat().st_size > _MAX_TEXT_BYTES:
        return None
    data = path.read_bytes()
    text = data.decode(errors="surrogateescape")
    if find_secret(text) is None:
        return None
    clean = redactor.redact_text(text, name=name).encode(errors="surrogateescape")
    return None if clean == data else clean


def _list_files(top: Path) -> Iterator[Path]:
    for place, directories, files in os.walk(top):
        directories[:] = [name for name in directories if not name.startswith(".")]
        # What begins with a dot was being written when the process died.
        found = (Path(place, name) for name in files if not name.startswith("."))
        yield from (path for path in found if path.is_file() and not path.is_symlink())
