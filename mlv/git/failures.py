"""Turn the complaints of Git into errors."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Sequence

from mlv.errors import GitError, MlvError, StorageError
from mlv.store.failures import storage_error

DIED = 128
"""Exit status of a Git that gave up."""

NOT_FOUND_STATUS = 127

_ERRNO_OF_COMPLAINT = {
    "No space left on device": errno.ENOSPC,
    "Disk quota exceeded": errno.EDQUOT,
    "Read-only file system": errno.EROFS,
    "Input/output error": errno.EIO,
}
"""What the system calls them in plain English; Git repeats that."""

_STORAGE_COMPLAINTS = (
    "insufficient permission for adding an object",
    "unable to write",
    "unable to create directory",
    "unable to create temporary file",
    "couldn't write",
    "could not write",
    "failed to write",
    ".lock': Permission denied",
)
_STORAGE_HINT = "see `df -h .` for free space, and `ls -ld .git .git/objects` for who may write"
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
    error = _storage_failure(lines)
    if error is not None:
        return error
    name = failed_filter(stderr)
    if name is None:
        return GitError(message)
    hint = f"see what it needs with `git config --get-regexp '^filter\\.{name}\\.'`"
    return GitError(message, hint=hint)


def failed_filter(stderr: bytes) -> str | None:
    """Return the name of the filter of which Git died, None when it was something else."""
    found = _FILTER.search(os.fsdecode(stderr))
    return found[1] if found else None


def _storage_failure(lines: Sequence[str]) -> StorageError | None:
    for line in lines:
        for complaint, code in _ERRNO_OF_COMPLAINT.items():
            if complaint in line:
                return storage_error(OSError(code, complaint), "use the Git repository")
    for line in lines:
        if any(complaint in line for complaint in _STORAGE_COMPLAINTS):
            return StorageError(f"cannot write to the Git repository: {line}", hint=_STORAGE_HINT)
    return None


def _strip_level(line: str) -> str:
    line = line.strip()
    for level in ("fatal: ", "error: ", "warning: "):
        line = line.removeprefix(level)
    return line.rstrip(".")
