"""Make Git merge pointers by their trees instead of by their lines.

`.gitattributes`, which is committed, says which files; the repository's own
configuration, which is not, says with which command. So a fresh clone lacks
the second, and every command that may meet a pointer sees to it.

Source: gitattributes(5), "Defining a custom merge driver".
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from mlv.errors import GitError
from mlv.store.durable import replace_file
from mlv.store.failures import storage_errors

if TYPE_CHECKING:
    from pathlib import Path

    from mlv.git.command import GitCommand

ATTRIBUTES_FILE = ".gitattributes"

_ATTRIBUTE = b"*.mlv merge=mlv"
_PRESENT = re.compile(rb"^\*\.mlv[ \t](?:.*[ \t])?-?merge\b", re.MULTILINE)
_DRIVER = "mlv merge-pointer %O %A %B %P"
_NAME = "data that mlv tracks"


def add_attribute(text: bytes) -> bytes:
    """Return the text of a `.gitattributes` that names the merge driver of pointers.

    What is there stays as it is, and a line that says how to merge pointers wins.
    """
    if _PRESENT.search(text):
        return text
    end = b"\r\n" if text.partition(b"\n")[0].endswith(b"\r") else b"\n"
    if text and not text.endswith(b"\n"):
        return text + end + _ATTRIBUTE
    return text + _ATTRIBUTE + end


def ensure_attribute(root: Path) -> bool:
    """Name the merge driver of pointers in `.gitattributes`; return whether that was new.

    Raises:
        StorageError: The file cannot be read or written.
    """
    path = root / ATTRIBUTES_FILE
    if path.is_symlink():
        return False  # Git does not follow it, and whoever made it has plans of their own
    with storage_errors(f"write {path}"):
        before = path.read_bytes() if path.exists() else b""
        after = add_attribute(before)
        if after == before:
            return False
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
        replace_file(path, after, mode=mode)
    return True


def ensure_driver(command: GitCommand) -> None:
    """Say in the configuration of the repository how pointers are merged.

    Nothing happens when it is said already, whoever said it, or when the
    configuration cannot be written: only merges would miss it.
    """
    known = command.ask("config", "--get", "merge.mlv.driver", accept=(0, 1))
    if known.status == 0:
        return
    with suppress(GitError):
        command.ask("config", "--local", "merge.mlv.name", _NAME)
        command.ask("config", "--local", "merge.mlv.driver", _DRIVER)
