"""Act as an ordinary user, although the tests may run as root."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

NOBODY = 65534


def as_nobody(act: Callable[[], None]) -> None:
    """Do something as an ordinary user, in a process of its own; it must not raise."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            act()
            code = 0
        except BaseException:  # noqa: BLE001 - the parent is told by the exit code
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def let_everybody_in(directory: Path) -> None:
    """Let every user go down to a directory in which only its owner could look so far."""
    for path in (directory, *directory.parents):
        found = path.stat()
        if found.st_uid == os.geteuid() and found.st_mode & 0o055 != 0o055:
            path.chmod(found.st_mode | 0o055)


def give_away(directory: Path) -> None:
    """Give a directory and all in it to the ordinary user, if these tests run as root."""
    if os.geteuid() == 0:
        for path in (directory, *directory.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
