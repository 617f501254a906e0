"""Paths, as seen from where the person stands."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from mlv.app.workspace import locate_repository
from mlv.core.paths import unescape_name


def show_path(path: str) -> str:
    """Return a path of the repository relative to the current directory.

    Absolute paths, and paths with characters that had to be escaped, stay as they are.
    """
    if path.startswith("/") or unescape_name(path) != path.encode():
        return path
    return os.path.relpath(path, _here())


@functools.cache
def _here() -> str:
    """Return the current directory, relative to the root."""
    here = Path.cwd()
    return os.path.relpath(here, locate_repository(here).root)
