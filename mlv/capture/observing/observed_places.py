"""Which directories a program may read data from, and what the files in them are called.

This module runs inside the program that is being recorded; see `mlv.capture.observing.audit_hook`.
"""

# ruff: noqa: PTH100, PTH110, PTH116, PTH120
# `pathlib` costs more than all of this.

from __future__ import annotations

import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NamedTuple

    class Place(NamedTuple):
        """What is noted of the files in a directory.

        Attributes:
            prefix: What their names begin with: nothing for the root of the worktree,
                `a/b/` below it, and an absolute path outside.
            looks: Whether each must be looked at when it is opened: it lies on another
                file system than the worktree, of which the clock is not known.
        """

        prefix: str
        looks: bool


_IGNORED_NAMES = frozenset(
    ".git .hg .svn .mlv .venv .tox .nox .ipynb_checkpoints .mypy_cache .pytest_cache .ruff_cache "
    "__pycache__ node_modules site-packages dist-packages".split()
)
_ENVIRONMENT_MARKS = ("pyvenv.cfg", "conda-meta")
_SYSTEM = (
    "/bin /boot /dev /etc /lib /lib32 /lib64 /libx32 /nix /proc /run /sbin /snap /sys /usr"
    " /var/cache /var/lib /Library /System".split()
)
_ESCAPED = frozenset((*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0xDC80, 0xDD00)))
_MAX_REMEMBERED = 100_000


class Places:
    """Names directories, and remembers what it found out about each.

    Args:
        root: Root of the worktree.
        hidden: A directory of which nothing is noted.
        prefixes: Where Pythons and their packages are; nothing is noted of those either.

    Attributes:
        ignored: Names of files and directories that are no data.
        known: What was found out about directories, by the path that they were opened with.
    """

    def __init__(self, root: str, hidden: str, prefixes: Iterable[str]) -> None:
        self._roots = (os.path.realpath(root).rstrip("/"), os.path.abspath(root).rstrip("/"))
        self._device = os.stat(root).st_dev
        self._environments = frozenset(os.path.realpath(prefix) for prefix in prefixes if prefix)
        self._outside = (
            *(f"{directory}/" for directory in _SYSTEM),
            *(f"{prefix}/" for prefix in self._environments if prefix != "/"),
        )
        self._hidden = hidden
        self.ignored = _IGNORED_NAMES
        self.known: dict[str, Place | None] = {hidden: None}

    def find(self, directory: str) -> Place | None:
        """Return the place that a directory is, as opened; None when nothing there is noted."""
        if directory in self.known:
            return self.known[directory]
        if len(self.known) >= _MAX_REMEMBERED:
            self.forget()
        place = self.known[directory] = self._look(directory or "/")
        return place

    def find_listed(self, directory: str) -> Place | None:
        """Return what `find` does, sooner for one of many below a directory that is known.

        Raises:
            OSError: It is not there.
        """
        parent, _, base = directory.rpartition("/")
        above = self.known.get(parent)
        if directory in self.known or not above or above[0][:1] == "/" or base in ("", ".", ".."):
            return self.find(directory)
        info = os.lstat(directory)
        if stat.S_ISLNK(info.st_mode) or info.st_dev != self._device:
            return self.find(directory)
        if len(self.known) >= _MAX_REMEMBERED:
            self.forget()
        ignored = self._is_ignored(parent, base)
        place = None if ignored else (above[0] + self.escape(base) + "/", above[1])
        self.known[directory] = place  # type: ignore[assignment]  # as in `_place`
        return place  # type: ignore[return-value]

    def name(self, path: str) -> str | None:
        """Return the name of a file, escaped as in `mlv.core.paths` and within JSON quotes."""
        directory, _, base = path.rstrip("/").rpartition("/")
        if base in _IGNORED_NAMES or base in (".", ".."):
            return None
        place = self.find(directory)
        return None if place is None else place[0] + self.escape(base)

    def name_inside(self, path: str) -> str | None:
        """Return the name of a file in the worktree, None for one outside."""
        name = self.name(path)
        return None if name is None or name[:1] == "/" else name

    def is_inside(self, real: str) -> bool:
        """Tell whether a path without links lies in the worktree."""
        return real.startswith(self._roots[0] + "/")

    @staticmethod
    def escape(text: str) -> str:
        """Return text escaped as in `mlv.core.paths`, and again for a string of JSON."""
        if text.isascii() and text.isprintable():
            if "\\" in text:
                text = text.replace("\\", "\\\\\\\\")
            return text.replace('"', '\\"') if '"' in text else text
        decoded = os.fsencode(text).decode("utf-8", "surrogateescape")
        escaped = "".join(map(_escape_character, decoded))
        return escaped.replace("\\", "\\\\").replace('"', '\\"')

    def forget(self) -> None:
        """Forget everything: a directory may have become another one."""
        self.known.clear()
        self.known[self._hidden] = None

    def _look(self, directory: str) -> Place | None:
        real = os.path.realpath(directory)
        candidates = (real, os.path.normpath(directory))
        for root, candidate in zip(self._roots, candidates):  # noqa: B905
            if candidate == (root or "/"):
                return self._place("", directory)
            if candidate.startswith(root + "/"):
                below = candidate[len(root) + 1 :]
                ignored = self._is_ignored(root, below)
                return None if ignored else self._place(below + "/", directory)
        if real == "/":
            return self._place("/", directory)
        if f"{real}/".startswith(self._outside) or "/." in real or self._is_ignored("", real[1:]):
            return None
        return self._place(real + "/", directory)

    def _place(self, prefix: str, directory: str) -> Place | None:
        try:
            looks = os.stat(directory).st_dev != self._device
        except OSError:
            looks = True
        # A tuple of its own class would take a millisecond to define.
        return (self.escape(prefix), looks)  # type: ignore[return-value]

    def _is_ignored(self, root: str, below: str) -> bool:
        current = root
        for part in below.split("/"):
            current = f"{current}/{part}"
            if part in _IGNORED_NAMES or current in self._environments:
                return True
            if any(os.path.exists(f"{current}/{mark}") for mark in _ENVIRONMENT_MARKS):
                return True
        return False


def own_prefixes() -> tuple[str, ...]:
    """Return where this Python and its packages are."""
    variables = (os.environ.get("VIRTUAL_ENV", ""), os.environ.get("CONDA_PREFIX", ""))
    library = os.path.dirname(os.__file__)
    return (sys.prefix, sys.base_prefix, sys.exec_prefix, library, *variables)


def _escape_character(character: str) -> str:
    if character in "\n\\":
        return "\\n" if character == "\n" else "\\\\"
    if ord(character) not in _ESCAPED:
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
