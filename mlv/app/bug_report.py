"""Save the traceback of a bug in mlv where a person can find it."""

from __future__ import annotations

import os
import shutil
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import gettempdir

from mlv.errors import MlvError
from mlv.git.discovery import find_git, store_directory


def save_bug_report(error: Exception, *, command: Sequence[str]) -> Path:
    """Write the traceback of `error` to the store's log, or to a temporary directory.

    Args:
        error: What was not expected.
        command: The command, without arguments that may hold secrets.

    Returns:
        The file.
    """
    name = f"bug-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.txt"
    path = _directory() / name
    words = " ".join(("mlv", *command))
    path.write_text(f"{words}\n\n{''.join(traceback.format_exception(error))}")
    return path


def _directory() -> Path:
    with suppress(MlvError, OSError):
        location = find_git(Path.cwd())
        log = store_directory(location) / "log" if location else None
        if log is not None and os.access(log, os.W_OK) and shutil.disk_usage(log).free:
            return log
    return Path(gettempdir())
