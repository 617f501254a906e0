"""What interpreters said of themselves, kept for as long as it holds.

An answer holds as long as the interpreter, its configuration and everything that it
lists as installed are what they were.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from mlv.core.environment import Interpreter

_WATCHED_SUFFIXES = (".dist-info", ".egg-info", ".egg-link", ".pth")
_CONDA_RECORDS = "conda-meta"
_RACY_NS = 2_000_000_000
"""What changed this short a time ago may change again within the same tick."""


class InterpreterFacts(msgspec.Struct, frozen=True, kw_only=True):
    """An interpreter on this machine.

    Attributes:
        executable: What it calls itself, `sys.executable`.
        prefix: Where its packages are; its virtual environment when it has one.
        base_prefix: Where it is installed.
        interpreter: What a record says of it.
    """

    executable: str
    prefix: str
    base_prefix: str
    interpreter: Interpreter


class _Cached(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, and the state of everything that it depends on."""

    facts: InterpreterFacts
    watched: dict[str, str]


class InterpreterCache:
    """The answer to one question: one interpreter, asked under given circumstances.

    Args:
        directory: Where answers are kept.
        question: All that decides who answers, and what.
    """

    def __init__(self, directory: Path, question: Iterable[str]) -> None:
        self._file = directory / f"python-{_hash(chr(0).join(question))}.json"

    def find(self) -> InterpreterFacts | None:
        """Return the answer, None when there is none that holds."""
        try:
            cached = msgspec.json.decode(self._file.read_bytes(), type=_Cached)
        except (OSError, msgspec.MsgspecError):
            return None
        if any(_stamp(path)[0] != stamp for path, stamp in cached.watched.items()):
            return None
        return cached.facts

    def keep(self, facts: InterpreterFacts, watched: Iterable[str], *, asked_ns: int) -> None:
        """Keep an answer, unless something that it depends on has only just changed.

        Args:
            facts: The answer.
            watched: Files and directories that it depends on.
            asked_ns: When the question was asked.
        """
        stamps = {path: _stamp(path) for path in watched}
        if any(newest_ns >= asked_ns - _RACY_NS for _, newest_ns in stamps.values()):
            return
        cached = _Cached(facts=facts, watched={path: stamp for path, (stamp, _) in stamps.items()})
        temporary = self._file.with_name(f"{self._file.name}-{time.monotonic_ns()}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(msgspec.json.encode(cached))
            temporary.replace(self._file)
        except OSError:  # a cache that cannot be written is only slow
            return


def _stamp(path: str) -> tuple[str, int]:
    """Return a text that changes with what there is to learn, and its newest time."""
    suffixes = (".json",) if path.endswith(_CONDA_RECORDS) else _WATCHED_SUFFIXES
    try:
        with os.scandir(path) as entries:
            found = sorted(
                (entry.name, entry.stat().st_mtime_ns)
                for entry in entries
                if entry.name.endswith(suffixes)
            )
        return _hash(repr(found)), max((modified_ns for _, modified_ns in found), default=0)
    except NotADirectoryError:
        return _stamp_file(path)
    except OSError:
        return "", 0


def _stamp_file(path: str) -> tuple[str, int]:
    try:
        status = Path(path).stat()
    except OSError:
        return "", 0
    return f"{status.st_mtime_ns} {status.st_size} {status.st_ino}", status.st_mtime_ns


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(errors="surrogateescape"), digest_size=8).hexdigest()
