"""What `strace` wrote, as lines like those of the watched Pythons."""

# ruff: noqa: PTH112, PTH118
# There may be a million lines.

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from mlv.capture.observing.observed_lines import Line
from mlv.capture.observing.observed_places import Places
from mlv.capture.observing.strace import TRACES

_CALL = re.compile(r"(\d+)\.(\d{6}) (\w+)\((.*)\)\s+= (\d+)(?:<(.*)>)?\s*$")
_ARGUMENT = re.compile(
    r'"(?P<text>(?:[^"\\]|\\.)*)"'
    r"|(?P<fd>AT_FDCWD|\d+)<(?P<place>(?:[^>\\]|\\.)*)>"
    r"|(?P<flags>O_\w+(?:\|O_\w+)*)"
)
_ESCAPED = re.compile(rb"\\(x[0-9a-f]{2}|[0-7]{1,3}|.)", re.DOTALL)
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"v": b"\v", b"f": b"\f", b"a": b"\a"}
_STARTS = ("clone", "clone2", "clone3", "fork", "vfork")
_OPENS = ("open", "openat", "openat2", "creat")
_CODE = (".py", ".pyi", ".pyc", ".pyo", ".so", ".dylib")
_DELETED = " (deleted)"


class _Call(msgspec.Struct, frozen=True):
    """A system call that succeeded.

    Attributes:
        time_ns: When it began, in ns since 1970.
        pid: Process id of the thread.
        name: What was called.
        arguments: What stands between the parentheses.
        result: The number that it returned.
        place: Path of the descriptor that it returned.
    """

    time_ns: int
    pid: int
    name: str
    arguments: str
    result: int
    place: str


def read_traces(observed: Path, places: Places, clock_ns: int) -> Iterator[Line]:
    """Yield what traced programs did, in order.

    A read has no signature, because the tracer does not look at files.

    Args:
        observed: Directory that the tracer wrote into.
        places: Names files.
        clock_ns: What to add to the clock of the wall to get the time of lines.
    """
    calls = [call for path in observed.glob(f"{TRACES}.*") for call in _read_calls(path)]
    calls.sort(key=lambda call: call.time_ns)
    tracer = _Tracer(places)
    for call in calls:
        for line in tracer.follow(call):
            yield msgspec.structs.replace(line, t=call.time_ns + clock_ns)


def _read_calls(path: Path) -> Iterator[_Call]:
    pid = int(path.suffix[1:])
    with path.open(encoding="ascii", errors="replace") as file:
        for text in file:
            match = _CALL.match(text)
            if match is None:  # one that the end of the process cut short
                continue
            seconds, micros, name, arguments, result, place = match.groups()
            time_ns = int(seconds) * 1_000_000_000 + int(micros) * 1000
            yield _Call(time_ns, pid, name, arguments, int(result), place or "")


class _Tracer:
    """Follows calls, and knows in which directory each process is."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._here: dict[int, str] = {}

    def follow(self, call: _Call) -> Iterator[Line]:
        """Yield what a call did to files of interest."""
        if call.name in _STARTS:
            self._here.setdefault(call.result, self._here.get(call.pid, ""))
            return
        paths, flags = self._read_arguments(call)
        if call.name in {"chdir", "fchdir"}:
            self._here[call.pid] = paths[0] if paths else _unescape(call.arguments)
        elif call.name in _OPENS:
            yield from self._open(_unescape(call.place), call.name, flags)
        elif call.name.startswith("rename"):
            yield from self._rename(*paths)
        elif call.name in {"unlink", "unlinkat", "rmdir"}:
            yield from self._note("rm", paths[0], directory=True)
        elif call.name.startswith("truncate"):
            yield from self._note("w", paths[0], existed=True)
        else:  # the second name of a link is the new one
            yield from self._note("w", paths[-1])

    def _read_arguments(self, call: _Call) -> tuple[list[str], frozenset[str]]:
        """Return the paths that a call names, absolute, and its flags."""
        paths: list[str] = []
        flags: frozenset[str] = frozenset()
        base: str | None = None
        for match in _ARGUMENT.finditer(call.arguments):
            if match["text"] is not None:
                start = self._here.get(call.pid, "") if base is None else base
                paths.append(os.path.join(start, _unescape(match["text"])))
                base = None
            elif match["fd"] is not None:
                base = _unescape(match["place"])
                if match["fd"] == "AT_FDCWD":
                    self._here[call.pid] = base
            elif match["flags"]:
                flags = frozenset(match["flags"].split("|"))
        if base is not None:  # a descriptor on its own
            paths.append(base)
        return paths, flags

    def _open(self, path: str, name: str, flags: frozenset[str]) -> Iterator[Line]:
        if not path.startswith("/") or path.endswith(_DELETED):
            return
        if not flags.isdisjoint({"O_DIRECTORY", "O_PATH", "O_TMPFILE"}):
            return
        writes = name == "creat" or not flags.isdisjoint({"O_WRONLY", "O_RDWR"})
        if not writes or (flags >= {"O_RDWR"} and "O_TRUNC" not in flags):
            yield from self._note("r", path)
        if writes:
            yield from self._note("w", path, existed="O_EXCL" not in flags)

    def _rename(self, source: str, target: str) -> Iterator[Line]:
        old, new = self._name_inside(source), self._name_inside(target)
        if old is not None or new is not None:
            yield Line(t=0, k="mv", p=old, q=new, d=os.path.isdir(target), x=True)

    def _note(
        self, kind: str, path: str, *, existed: bool = False, directory: bool = False
    ) -> Iterator[Line]:
        if kind == "r":
            name = self._name(path)
            if name is not None and not _is_code(name):
                yield Line(t=0, k="r", p=name)
            return
        name = self._name_inside(path)
        if name is not None:
            yield Line(t=0, k="w" if kind == "w" else "rm", p=name, x=existed, d=directory)

    def _name(self, path: str) -> str | None:
        name = self._places.name(path)
        return None if name is None else msgspec.json.decode(f'"{name}"', type=str)

    def _name_inside(self, path: str) -> str | None:
        name = self._name(path)
        return None if name is None or name.startswith("/") else name


def without_repeats(traced: Iterator[Line], lines: Sequence[Line]) -> list[Line]:
    """Return what a tracer saw, less the renames and removals that an audit hook saw too."""
    seen = {(line.k, line.p, line.q) for line in lines if line.k in {"mv", "rm"}}
    return [line for line in traced if (line.k, line.p, line.q) not in seen]


def _is_code(name: str) -> bool:
    if name.endswith((".pyc", ".pyo")):
        return True
    return name.startswith("/") and ("/." in name or name.endswith(_CODE))


def _unescape(text: str) -> str:
    raw = text.encode("ascii", "replace")
    return os.fsdecode(_ESCAPED.sub(_unescape_match, raw) if b"\\" in raw else raw)


def _unescape_match(match: re.Match[bytes]) -> bytes:
    code = match[1]
    if code[:1] == b"x":
        return bytes([int(code[1:], 16)])
    if code[:1].isdigit():
        return bytes([int(code, 8)])
    return _LETTERS.get(code, code)
