"""The lines that watched processes write, read back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

LineKind = Literal["p", "r", "w", "mv", "rm", "i", "u", "f", "l", "h", "n", "lost"]


class Line(msgspec.Struct, frozen=True):
    """One line; its short names are those of `mlv.capture.observing.audit_hook`.

    Attributes:
        t: When, by the monotonic clock, in ns.
        k: A process, a read, a write, a rename, a removal, an execution, a Python that is
            not watched, what frameworks say, the listing of a directory, a program that is
            no Python, a name of a native module, or lines that were lost.
        p: The name, escaped; the old one of a rename; of a module, the first part alone.
        q: The new name of a rename.
        s: The signature of the file, if it was looked at.
        x: Of a write, whether something had the name before; of what frameworks say,
            whether the process had executed code of the worktree; of a name of a native
            module, whether it was imported, and not only written in code of the worktree.
        d: Whether it is a directory.
        n: How many were lost.
        now: The clock of the wall at `t`, in ns since 1970.
        since: When the process began, by the monotonic clock.
        lib: Native libraries.
        det: Seeds and switches.
    """

    t: int
    k: LineKind
    p: str | None = None
    q: str | None = None
    s: tuple[int, int, int, int, int] | None = None
    x: bool = False
    d: bool = False
    n: int = 0
    now: int = 0
    since: int = 0
    pid: int = 0
    ppid: int = 0
    exe: str = ""
    version: str = ""
    prefix: str = ""
    base_prefix: str = ""
    argv: tuple[str, ...] = ()
    lib: dict[str, str] = {}
    det: dict[str, bool | int | str] = {}


def read_lines(observed: Path) -> tuple[list[Line], int]:
    """Return the lines of all processes in the order of time, and how many are damaged."""
    lines: list[Line] = []
    n_damaged = 0
    for path in sorted(observed.glob("*.jsonl")):
        for line in _read_file(path):
            if line is None:
                n_damaged += 1
            else:
                lines.append(line)
                n_damaged += line.n
    lines.sort(key=lambda line: line.t)
    return lines, n_damaged


def _read_file(path: Path) -> Iterator[Line | None]:
    decoder = msgspec.json.Decoder(Line, strict=False)
    # The end of a file that was not used is zero.
    for raw in path.read_bytes().rstrip(b"\0").splitlines():
        try:
            yield decoder.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            yield None
