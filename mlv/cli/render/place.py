"""Paths, as seen from where the person stands."""

from __future__ import annotations

import functools
import os
import shlex
import string
from pathlib import Path

from mlv.app.look.recorded_path import is_remote
from mlv.app.workspace import locate_repository
from mlv.core.paths import unescape_name

_PLAIN = frozenset(string.ascii_letters + string.digits + "/._- ")


def show_path(path: str) -> str:
    """Return a path of the repository relative to the current directory.

    URLs, absolute paths, and paths with characters that had to be escaped stay as they are.
    """
    if path.startswith("/") or is_remote(path) or unescape_name(path) != path.encode():
        return path
    return os.path.relpath(path, _here())


def quote_path(path: str) -> str:
    """Return what to type in a shell, as an argument of a command, for a path of the repository.

    It is relative to the current directory, and never looks like an option.
    """
    if is_remote(path):
        return shlex.quote(path)
    raw = os.path.relpath(unescape_name(path), os.fsencode(_here()))
    if raw.startswith((b"-", b":")):
        raw = b"./" + raw
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = ""
    if text.isprintable() and text:
        return shlex.quote(text)
    letters = (chr(byte) if chr(byte) in _PLAIN else f"\\x{byte:02x}" for byte in raw)
    return f"$'{''.join(letters)}'"


@functools.cache
def _here() -> str:
    """Return the current directory, relative to the root."""
    here = Path.cwd()
    return os.path.relpath(here, locate_repository(here).root)
