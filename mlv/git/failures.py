"""Turn the complaints of Git into errors."""

from __future__ import annotations

import os
import re

from mlv.errors import GitError, MlvError, StorageError

DIED = 128
"""Exit status of a Git that gave up."""

NOT_FOUND_STATUS = 127

_STORAGE_COMPLAINTS = (
    "No space left on device",
    "Disk quota exceeded",
    "Read-only file system",
    "Input/output error",
    "insufficient permission for adding an object",
    "unable to write",
    "unable to create directory",
    "unable to create temporary file",
    ".lock': Permission denied",
)
_FILTER = re.compile(r"(?:clean|smudge) filter '?([^' \n]+)'? failed")


def not_found() -> GitError:
    """Return the error for a missing Git."""
    return GitError(
        "the program 'git' was not found",
        hint="install Git (https://git-scm.com/downloads) and put it on PATH",
    )


def git_failure(arguments: tuple[str, ...], status: int, stderr: bytes) -> MlvError:
    """Return the error for a Git process that failed.

    Args:
        arguments: What followed `git` and its settings.
        status: Its exit status.
        stderr: What it said.
    """
    text = stderr.decode("utf-8", "replace")
    if status == NOT_FOUND_STATUS:
        return not_found()
    lines = [_strip_level(line) for line in text.splitlines() if line.strip()]
    if "detected dubious ownership" in text:
        hint = next((line for line in lines if line.startswith("git config ")), None)
        return GitError(f"git refuses this repository: {lines[0]}", hint=hint)
    subcommand = next(word for word in arguments if not word.startswith("-") and "=" not in word)
    message = f"git {subcommand} failed: {'; '.join(lines) or f'exit status {status}'}"
    if any(complaint in text for complaint in _STORAGE_COMPLAINTS):
        return StorageError(message)
    name = failed_filter(stderr)
    if name is None:
        return GitError(message)
    hint = f"see what it needs with `git config --get-regexp '^filter\\.{name}\\.'`"
    return GitError(message, hint=hint)


def failed_filter(stderr: bytes) -> str | None:
    """Return the name of the filter of which Git died, None when it was something else."""
    found = _FILTER.search(os.fsdecode(stderr))
    return found[1] if found else None


def _strip_level(line: str) -> str:
    line = line.strip()
    for level in ("fatal: ", "error: ", "warning: "):
        line = line.removeprefix(level)
    return line.rstrip(".")
