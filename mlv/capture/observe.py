"""Which files the Python processes of a run opened, and which interpreters ran.

The audit hook of each process writes what it sees (`mlv.capture.audit_hook`); this
module arranges that it is loaded, and reads what all processes wrote as one story,
ordered by the monotonic clock that the processes of a machine share.

A file is an input when it was read before the run wrote it, and an output when the run
wrote it, renamed something onto it, or linked it into place. What native code opens on
its own is not seen, and an open for writing that failed counts as a write.

A file that is reached through a link is named by where it really lies in the worktree;
one that a link leads out of the worktree, by the name under which it was opened.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from mlv.capture.redact import redact_argv
from mlv.core.paths import RepoPath, unescape_name

RUN_DIR_VARIABLE = "MLV_RUN_DIR"
"""Names, to every process of a run, the directory of that run."""

RUN_ROOT_VARIABLE = "MLV_RUN_ROOT"
"""Names the root of the worktree of that run."""

_SWITCH = "MLV_RUN_OBSERVE"
_OBSERVER = Path(__file__).parent / "observer"
_OBSERVED = "observed"


class FileSignature(msgspec.Struct, frozen=True, kw_only=True):
    """What `stat` said of a file; another signature means that it may have changed."""

    dev: int
    ino: int
    size: int
    mtime_ns: int
    ctime_ns: int


class ObservedWrite(msgspec.Struct, frozen=True, kw_only=True):
    """How a file became an output.

    Attributes:
        existed: Something had this name before the run's first write to it.
        directory: A whole directory was renamed to this name, and what it holds was
            written out of sight.
    """

    existed: bool = False
    directory: bool = False


class ObservedProcess(msgspec.Struct, frozen=True, kw_only=True):
    """A Python process of the run.

    Attributes:
        pid: Its process id.
        parent_pid: That of its parent.
        executable: `sys.executable`.
        version: Of Python, such as `3.12.1`.
        prefix: `sys.prefix`, that of its virtual environment.
        base_prefix: `sys.base_prefix`, that of the installation.
        argv: Its command line, redacted.
    """

    pid: int
    parent_pid: int
    executable: str
    version: str
    prefix: str
    base_prefix: str
    argv: tuple[str, ...]


class Observations(msgspec.Struct, frozen=True, kw_only=True):
    """All that was seen in a run, in the order in which it happened.

    Attributes:
        reads: Files read before the run wrote them, as they were at the first read.
        writes: Files that the run wrote and did not delete or rename away again.
        processes: The Python processes, forks left out.
        n_damaged_lines: Lines that could not be read back; one a killed process at most.
    """

    reads: dict[RepoPath, FileSignature]
    writes: dict[RepoPath, ObservedWrite]
    processes: tuple[ObservedProcess, ...]
    n_damaged_lines: int = 0


class _Line(msgspec.Struct, frozen=True):
    """One line of a process; its short names are the hook's."""

    t: int
    k: Literal["p", "r", "w", "mv", "rm"]
    p: str | None = None
    q: str | None = None
    s: tuple[int, int, int, int, int] | None = None
    x: bool = False
    d: bool = False
    pid: int = 0
    ppid: int = 0
    exe: str = ""
    version: str = ""
    prefix: str = ""
    base_prefix: str = ""
    argv: tuple[str, ...] = ()


def observer_environment(
    live: Path, root: Path, base: Mapping[str, str], *, observe: bool = True
) -> dict[str, str]:
    """Return the variables that tell every process of a run to which run it belongs.

    Also creates the directory in `live` that the processes write into.

    Args:
        live: Directory of the run.
        root: Root of the worktree.
        base: Environment that the command would get otherwise.
        observe: Whether Python processes also note which files they open.
    """
    (live / _OBSERVED).mkdir(parents=True, exist_ok=True)
    variables = {
        RUN_DIR_VARIABLE: str(live.absolute()),
        RUN_ROOT_VARIABLE: str(root.absolute()),
        _SWITCH: "1" if observe else "0",
    }
    if observe:
        own = base.get("PYTHONPATH", "")
        # An empty entry would mean the current directory.
        variables["PYTHONPATH"] = f"{_OBSERVER}{os.pathsep}{own}" if own else str(_OBSERVER)
    return variables


def read_observations(live: Path) -> Observations:
    """Return what the processes of a run have written so far; nothing when none did."""
    lines: list[_Line] = []
    n_damaged = 0
    for path in sorted((live / _OBSERVED).glob("*.jsonl")):
        for line in _read_lines(path):
            if line is None:
                n_damaged += 1
            else:
                lines.append(line)
    lines.sort(key=lambda line: line.t)
    story = _Story()
    for line in lines:
        story.add(line)
    return Observations(
        reads=story.reads,
        writes=story.writes,
        processes=tuple(_process_of(line) for line in lines if line.k == "p"),
        n_damaged_lines=n_damaged,
    )


def _read_lines(path: Path) -> Iterator[_Line | None]:
    decoder = msgspec.json.Decoder(_Line, strict=False)
    for raw in path.read_bytes().splitlines():
        try:
            yield decoder.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            yield None


class _Story:
    """Reads and writes while the lines are told one after the other."""

    def __init__(self) -> None:
        self.reads: dict[RepoPath, FileSignature] = {}
        self.writes: dict[RepoPath, ObservedWrite] = {}

    def add(self, line: _Line) -> None:
        path = None if line.p is None else RepoPath(line.p)
        if line.k == "mv":
            self._rename(path, None if line.q is None else RepoPath(line.q), line)
        elif path is None:
            return
        elif line.k == "r" and line.s is not None:
            if path not in self.reads and path not in self.writes:
                self.reads[path] = _signature_of(line.s)
        elif line.k == "w":
            self.writes.setdefault(path, ObservedWrite(existed=line.x))
        elif line.k == "rm":
            self._take(path, directory=line.d)

    def _rename(self, old: RepoPath | None, new: RepoPath | None, line: _Line) -> None:
        moved = {} if old is None else self._take(old, directory=line.d)
        if new is None:
            return
        if line.d and old is not None and moved:
            for path, write in moved.items():
                self.writes[RepoPath(new + path[len(old) :])] = write
            return
        self.writes.setdefault(new, ObservedWrite(existed=line.x, directory=line.d))

    def _take(self, path: RepoPath, *, directory: bool) -> dict[RepoPath, ObservedWrite]:
        """Remove and return the write at `path`, and those below it."""
        taken = [path] if path in self.writes else []
        if directory:
            taken += [name for name in self.writes if name.startswith(path + "/")]
        return {name: self.writes.pop(name) for name in taken}


def _signature_of(numbers: tuple[int, int, int, int, int]) -> FileSignature:
    dev, ino, size, mtime_ns, ctime_ns = numbers
    return FileSignature(dev=dev, ino=ino, size=size, mtime_ns=mtime_ns, ctime_ns=ctime_ns)


def _process_of(line: _Line) -> ObservedProcess:
    return ObservedProcess(
        pid=line.pid,
        parent_pid=line.ppid,
        executable=_plain(line.exe),
        version=line.version,
        prefix=_plain(line.prefix),
        base_prefix=_plain(line.base_prefix),
        argv=redact_argv([_plain(text) for text in line.argv]),
    )


def _plain(escaped: str) -> str:
    return os.fsdecode(unescape_name(escaped))
