"""Note which files a Python process opens, renames and deletes.

This module runs inside the program that is being recorded, on Python 3.8 or newer,
with nothing but the standard library. It must never raise into that program, print,
or cost noticeable time: the usual open is two lookups, and only a new path costs a
`stat` and one `write`.

Each process appends lines of JSON to a file of its own, `observed/<pid>-<random>.jsonl`
in the directory of the run. A line is written before the event takes place, without
buffering, so that `kill -9` loses nothing. `mlv.capture.observe` reads them back.
"""

from __future__ import annotations

import os
import stat
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_IGNORED_NAMES = frozenset(
    ".git .hg .svn .mlv .venv .tox .nox .ipynb_checkpoints .mypy_cache .pytest_cache .ruff_cache "
    "__pycache__ node_modules site-packages dist-packages".split()
)
_IGNORED_SUFFIXES = (".pyc", ".pyo")
_ENVIRONMENT_MARKS = ("pyvenv.cfg", "conda-meta")
_ESCAPED = frozenset((*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0xDC80, 0xDD00)))
_WRITING = os.O_WRONLY | os.O_RDWR
_UNKNOWN = ""
_NO_DIR_FD = -1
_MAX_REMEMBERED = 500_000
"""Paths kept in memory; past it they are forgotten, and noted a second time at worst."""


def install(live: str, root: str) -> None:
    """Watch this process from now on.

    Args:
        live: Directory of the run; holds `observed/` already.
        root: Root of the worktree; only files below it are noted.
    """
    watcher = _Watcher(live, root)
    watcher.write_process()
    sys.addaudithook(watcher.hook)


class _Watcher:
    """What one process has done so far; a forked child goes on with a copy of it."""

    def __init__(self, live: str, root: str) -> None:
        self.live = live
        self.roots = (os.path.realpath(root).rstrip("/"), os.path.abspath(root).rstrip("/"))
        self.environments = _environments()
        self.names: dict[str, str | None] = {}  # path as opened -> name in the worktree
        self.places: dict[str, str | None] = {}  # directory as opened -> prefix of names
        self.reads: set[str] = set()
        self.writes: set[str] = set()
        self.log = _Log(os.path.join(live, "observed"), self.names)
        self.changes: dict[str, Callable[..., None]] = {
            "os.rename": self._on_rename,
            "os.remove": self._on_remove,
            "os.rmdir": self._on_remove,
            "shutil.rmtree": self._on_remove,
            "os.link": self._on_link,
            "os.symlink": self._on_symlink,
            "os.truncate": self._on_truncate,
        }

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        handle = self._on_open if event == "open" else self.changes.get(event)
        if handle is None:
            return
        try:
            handle(*args)
        except Exception as error:
            # A failure to observe must not become a failure of the program; but what a
            # signal handler of the program raised just now is the program's own.
            if _is_foreign(error):
                raise

    def write_process(self) -> None:
        argv = getattr(sys, "orig_argv", None) or getattr(sys, "argv", [])
        version = ".".join(str(part) for part in sys.version_info[:3])
        self.log.write(
            f'"k":"p","pid":{os.getpid()},"ppid":{os.getppid()},'
            f'"exe":{_quote(sys.executable or "")},"version":"{version}",'
            f'"prefix":{_quote(sys.prefix)},"base_prefix":{_quote(sys.base_prefix)},'
            f'"argv":[{",".join(_quote(text) for text in argv)}]'
        )

    def _on_open(self, path: Any, _mode: object, flags: int) -> None:
        if type(path) is not str:
            path = _absolute(path)
            if path is None:
                return
        elif path[:1] != "/":
            path = f"{os.getcwd()}/{path}"
        name = self.names.get(path, _UNKNOWN)
        if name is None or name in self.writes:
            return
        if name in self.reads and not flags & _WRITING:
            return
        self._note_open(path, flags)

    def _note_open(self, path: str, flags: int) -> None:
        info = _stat_of(path, follow=False)
        name = self._name_of(path, info)
        if name is None:
            return
        if info is not None and stat.S_ISLNK(info.st_mode):
            info = _stat_of(path, follow=True)
        if info is not None and not stat.S_ISREG(info.st_mode):
            return
        writes = flags & _WRITING
        keeps_content = not writes or (flags & os.O_RDWR and not flags & os.O_TRUNC)
        seen = name in self.reads or name in self.writes
        if info is not None and keeps_content and not seen:
            _bound(self.reads)
            self.reads.add(name)
            self.log.write(f'"k":"r","p":{_quote(name)},"s":{_signature(info)}')
        if writes and (info is not None or flags & os.O_CREAT):
            self._note_write(name, existed=info is not None)

    def _note_write(self, name: str, *, existed: bool) -> None:
        if name not in self.writes:
            _bound(self.writes)
            self.writes.add(name)
            self.log.write(f'"k":"w","p":{_quote(name)},"x":{int(existed)}')

    def _on_rename(self, src: Any, dst: Any, src_fd: int = -1, dst_fd: int = -1) -> None:
        source, target = _absolute(src, src_fd), _absolute(dst, dst_fd)
        info = source and _stat_of(source, follow=False)
        if not source or not target or not info:
            return
        before, after = self._join(source), self._join(target)
        directory = stat.S_ISDIR(info.st_mode)
        self._forget(before, source, directory=directory)
        self._forget(after, target, directory=directory)
        if before is not None or after is not None:
            old, new = (_quote(name) if name else "null" for name in (before, after))
            existed = int(_stat_of(target, follow=False) is not None)
            fields = f'"p":{old},"q":{new},"d":{int(directory)},"x":{existed}'
            self.log.write(f'"k":"mv",{fields}')
        if after is not None and not directory:
            self.writes.add(after)

    def _on_remove(self, path: Any, dir_fd: int | None = _NO_DIR_FD) -> None:
        absolute = _absolute(path, dir_fd)
        info = absolute and _stat_of(absolute, follow=False)
        if not absolute or not info:
            return
        name, directory = self._join(absolute), stat.S_ISDIR(info.st_mode)
        self._forget(name, absolute, directory=directory)
        if name:
            self.log.write(f'"k":"rm","p":{_quote(name)},"d":{int(directory)}')

    def _on_link(self, _src: Any, dst: Any, _src_fd: int = -1, dst_fd: int = -1) -> None:
        target = _absolute(dst, dst_fd)
        name = target and self._join(target)
        if name:
            self._note_write(name, existed=False)

    def _on_symlink(self, src: Any, dst: Any, dir_fd: int = _NO_DIR_FD) -> None:
        self.names.clear()
        self.places.clear()
        self._on_link(src, dst, _NO_DIR_FD, dir_fd)

    def _on_truncate(self, path: Any, _length: int) -> None:
        self._on_open(path, None, os.O_WRONLY)

    def _name_of(self, path: str, info: os.stat_result | None) -> str | None:
        """Name the file that is opened: where a link inside the worktree leads to."""
        name = self.names.get(path, _UNKNOWN)
        if name == _UNKNOWN:
            opened = path
            if info is not None and stat.S_ISLNK(info.st_mode):
                target = os.path.realpath(path)
                if target.startswith(self.roots[0] + "/"):
                    opened = target
            name = self._join(opened)
            _bound(self.names)
            self.names[path] = name
        return name

    def _join(self, path: str) -> str | None:
        directory, _, base = path.rstrip("/").rpartition("/")
        if base in _IGNORED_NAMES or base in (".", "..") or base.endswith(_IGNORED_SUFFIXES):
            return None
        place = self.places.get(directory, _UNKNOWN)
        if place == _UNKNOWN:
            _bound(self.places)
            place = self.places[directory] = self._place_of(directory or "/")
        return None if place is None else place[2:] + base

    def _place_of(self, directory: str) -> str | None:
        """Return `./`, `./a/b/`, or None for a directory of which nothing is noted."""
        candidates = (os.path.realpath(directory), os.path.normpath(directory))
        for root, candidate in zip(self.roots, candidates):  # noqa: B905
            if candidate == (root or "/"):
                return "./"
            if candidate.startswith(root + "/"):
                below = candidate[len(root) + 1 :]
                return None if self._is_ignored(root, below) else f"./{below}/"
        return None

    def _is_ignored(self, root: str, below: str) -> bool:
        current = root
        for part in below.split("/"):
            current = f"{current}/{part}"
            if part in _IGNORED_NAMES or current in self.environments:
                return True
            if any(os.path.exists(f"{current}/{mark}") for mark in _ENVIRONMENT_MARKS):
                return True
        return False

    def _forget(self, name: str | None, path: str, *, directory: bool) -> None:
        self.names.pop(path, None)
        if directory:
            self.names.clear()
            self.places.clear()
        if name is None:
            return
        for seen in (self.reads, self.writes):
            seen.discard(name)
            if directory:
                seen.difference_update([old for old in seen if old.startswith(name + "/")])


class _Log:
    """The file that one process appends to; a forked child opens one of its own."""

    def __init__(self, directory: str, ignored: dict[str, str | None]) -> None:
        self.directory = directory
        self.ignored = ignored
        self.pid = 0
        self.fd = -1
        self.identity = (0, 0)

    def write(self, fields: str) -> None:
        if not self._is_open():
            self._open()
        line = f'{{"t":{time.monotonic_ns()},{fields}}}\n'
        os.write(self.fd, line.encode("utf-8", "backslashreplace"))

    def _is_open(self) -> bool:
        # A program that closes every descriptor, as daemons do, may have opened a file
        # of its own under our number since.
        try:
            info = os.fstat(self.fd)
        except OSError:
            return False
        return self.pid == os.getpid() and self.identity == (info.st_dev, info.st_ino)

    def _open(self) -> None:
        self.pid = os.getpid()
        path = os.path.join(self.directory, f"{self.pid}-{os.urandom(6).hex()}.jsonl")
        self.ignored[path] = None
        self.fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666)
        info = os.fstat(self.fd)
        self.identity = (info.st_dev, info.st_ino)


def _environments() -> frozenset[str]:
    prefixes = (sys.prefix, sys.base_prefix, os.environ.get("VIRTUAL_ENV", ""))
    return frozenset(os.path.realpath(prefix) for prefix in prefixes if prefix)


def _absolute(path: Any, dir_fd: int | None = _NO_DIR_FD) -> str | None:
    """Return the path as absolute text, or None for an open descriptor."""
    if isinstance(path, int) or path is None:
        return None
    text = os.fsdecode(path)
    if text[:1] == "/":
        return text
    if dir_fd is None or dir_fd == _NO_DIR_FD:
        return f"{os.getcwd()}/{text}"
    return f"{os.readlink(f'/proc/self/fd/{dir_fd}')}/{text}"


def _stat_of(path: str, *, follow: bool) -> os.stat_result | None:
    try:
        return os.stat(path, follow_symlinks=follow)
    except (OSError, ValueError):
        return None


def _signature(info: os.stat_result) -> str:
    return f"[{info.st_dev},{info.st_ino},{info.st_size},{info.st_mtime_ns},{info.st_ctime_ns}]"


def _bound(remembered: set[str] | dict[str, str | None]) -> None:
    if len(remembered) >= _MAX_REMEMBERED:
        remembered.clear()


def _quote(text: str) -> str:
    """Return `text` escaped as in `mlv.core.paths`, as a JSON string."""
    if not (text.isascii() and text.isprintable()):
        decoded = os.fsencode(text).decode("utf-8", "surrogateescape")
        text = "".join(map(_escape_character, decoded))
    elif "\\" in text:
        text = text.replace("\\", "\\\\")
    if '"' in text or "\\" in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _escape_character(character: str) -> str:
    if character in "\n\\":
        return "\\n" if character == "\n" else "\\\\"
    if ord(character) not in _ESCAPED:
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))


def _is_foreign(error: BaseException) -> bool:
    trace = error.__traceback__
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    own = (_is_foreign.__code__.co_filename, os.__file__, os.path.__file__)
    return trace.tb_frame.f_code.co_filename not in own
