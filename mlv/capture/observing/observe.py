"""Which files the Python processes of a run opened, and which interpreters ran.

The audit hook of each process writes what it sees (`mlv.capture.observing.audit_hook`); this
module arranges that it is loaded, and reads what all processes wrote as one story,
ordered by the monotonic clock that the processes of a machine share.

A file is an input when it was read before the run wrote it, and an output when the run
wrote it, renamed something onto it, or linked it into place. What native code opens on
its own is not seen but by `mlv.capture.observing.strace`, and an open for writing that
failed counts as a write.

A file that is reached through a link is named by where it really lies in the worktree;
one that a link leads out of the worktree, by the name under which it was opened. A file
outside is named by where it really lies.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from mlv.capture.observing.observations import (
    UNKNOWN_SIGNATURE,
    FileSignature,
    Observations,
    ObservedProcess,
    ObservedWrite,
)
from mlv.capture.observing.observed_lines import Line, read_lines
from mlv.capture.observing.python_commands import lead_pythons
from mlv.capture.observing.story import Story
from mlv.capture.observing.strace import TRACES
from mlv.capture.redact import redact_argv
from mlv.core.paths import unescape_name

__all__ = [
    "RUN_DIR_VARIABLE",
    "RUN_ROOT_VARIABLE",
    "UNKNOWN_SIGNATURE",
    "FileSignature",
    "Observations",
    "ObservedProcess",
    "ObservedWrite",
    "observer_environment",
    "read_observations",
]

RUN_DIR_VARIABLE = "MLV_RUN_DIR"
"""Names, to every process of a run, the directory of that run."""

RUN_ROOT_VARIABLE = "MLV_RUN_ROOT"
"""Names the root of the worktree of that run."""

ValueT = TypeVar("ValueT")

_SWITCH = "MLV_RUN_OBSERVE"
_OBSERVER = Path(__file__).parent / "observer"
_OBSERVED = "observed"
_BEGAN = "began"
_PYTHONS = "bin"


def observer_environment(
    live: Path, root: Path, base: Mapping[str, str], *, observe: bool = True, by_shell: bool = False
) -> dict[str, str]:
    """Return the variables that tell every process of a run to which run it belongs.

    Python processes can also import `mlv` with them, whether or not it is installed for
    them. Creates the directory in `live` that the processes write into.

    Args:
        live: Directory of the run.
        root: Root of the worktree.
        base: Environment that the command would get otherwise.
        observe: Whether Python processes also note which files they open.
        by_shell: Whether something that is not Python starts them.

    Raises:
        OSError: The disk is full, read-only or failing.
    """
    observed = live / _OBSERVED
    observed.mkdir(parents=True, exist_ok=True)
    if not (observed / _BEGAN).exists():
        # Files are compared with its time of change, which is of the same clock as theirs.
        (observed / _BEGAN).write_bytes(os.fsencode(root.absolute()))
    own, path = base.get("PYTHONPATH", ""), base.get("PATH", os.defpath)
    variables = {
        RUN_DIR_VARIABLE: str(live.absolute()),
        RUN_ROOT_VARIABLE: str(root.absolute()),
        _SWITCH: "1" if observe else "0",
    }
    pythons = live.absolute() / _PYTHONS
    led = lead_pythons(pythons, variables, _OBSERVER, path) if by_shell else {}
    # An empty entry would mean the current directory.
    module_path = f"{_OBSERVER}{os.pathsep}{own}" if own else str(_OBSERVER)
    return {**variables, **led, "PYTHONPATH": module_path}


def read_observations(live: Path) -> Observations:
    """Return what the processes of a run have written so far; nothing when none did.

    Files that were opened and not looked at are looked at now; see `Story.reads`.
    """
    observed = live / _OBSERVED
    root, began_ns = _read_beginning(observed)
    lines, n_damaged = read_lines(observed)
    lines = _with_traced(observed, root, lines)
    story = Story(root, began_ns)
    for line in lines:
        story.tell(line)
    reads = dict(story.reads())
    said = sorted((line for line in lines if line.k == "f"), key=_by_weight)
    return Observations(
        reads={path: seen for path, seen in reads.items() if path[:1] != "/"},
        external={
            path: seen
            for path, seen in reads.items()
            if path[:1] == "/" and seen.ctime_ns <= began_ns and seen != UNKNOWN_SIGNATURE
        },
        writes=story.writes,
        imported=frozenset(story.imported),
        processes=tuple(_process_of(line) for line in lines if line.k == "p"),
        unwatched=tuple(dict.fromkeys(_command_of(line) for line in lines if line.k == "u")),
        listed=frozenset(story.listed),
        helpers=tuple(sorted(_helpers(lines))),
        native_readers=tuple(sorted(_native_readers(lines))),
        libraries=_merge(line.lib for line in said),
        determinism=_merge(line.det for line in said),
        n_damaged_lines=n_damaged,
    )


def _read_beginning(observed: Path) -> tuple[Path, int]:
    """Return the root of the worktree, and when the run began by the clock of its files."""
    try:
        root = os.fsdecode((observed / _BEGAN).read_bytes())
        return Path(root), (observed / _BEGAN).stat().st_ctime_ns
    except OSError:
        return Path(), 0


def _with_traced(observed: Path, root: Path, lines: list[Line]) -> list[Line]:
    """Return the lines, and what a tracer saw besides, in the order of time."""
    if not any(observed.glob(f"{TRACES}.*")):
        return lines
    from mlv.capture.observing.observed_places import Places
    from mlv.capture.observing.strace_lines import read_traces, without_repeats

    processes = [line for line in lines if line.k == "p"]
    prefixes = [_plain(p) for line in processes for p in (line.prefix, line.base_prefix)]
    clock_ns = processes[0].t - processes[0].now if processes else 0
    traced = read_traces(observed, Places(str(root), str(observed), prefixes), clock_ns)
    return sorted((*lines, *without_repeats(traced, lines)), key=lambda line: line.t)


def _merge(said: Iterable[dict[str, ValueT]]) -> dict[str, ValueT]:
    """Return what all said; of what two say differently, the first counts."""
    merged: dict[str, ValueT] = {}
    for values in said:
        merged = {**values, **merged}
    return dict(sorted(merged.items()))


def _helpers(lines: Iterable[Line]) -> set[str]:
    """Return programs that nobody watched: a script of Python is watched, whatever its name."""
    started: set[str] = set()
    scripts: set[str] = set()
    for line in lines:
        if line.k == "h":
            started.add(redact_argv([_plain(line.p or "")])[0])
        elif line.k == "u" and line.argv:
            started.add(os.path.basename(_plain(line.argv[0])))  # noqa: PTH119
        elif line.k == "p":
            scripts.update(os.path.basename(_plain(word)) for word in line.argv[1:2])  # noqa: PTH119
    return started - scripts


def _native_readers(lines: Iterable[Line]) -> set[str]:
    """Return native modules that code of the worktree names and that were imported."""
    named: set[str] = set()
    imported: set[str] = set()
    for line in lines:
        if line.k == "n" and line.p:
            (imported if line.x else named).add(line.p)
    return named & imported


def _by_weight(line: Line) -> tuple[bool, int]:
    """Order processes: who ran code of the worktree comes before who only launched it."""
    return not line.x, line.since


def _process_of(line: Line) -> ObservedProcess:
    return ObservedProcess(
        pid=line.pid,
        parent_pid=line.ppid,
        executable=_plain(line.exe),
        version=line.version,
        prefix=_plain(line.prefix),
        base_prefix=_plain(line.base_prefix),
        argv=redact_argv([_plain(text) for text in line.argv]),
    )


def _command_of(line: Line) -> str:
    return shlex.join(redact_argv([_plain(text) for text in line.argv]))


def _plain(escaped: str) -> str:
    return os.fsdecode(unescape_name(escaped))
