"""Note which files a Python process opens, renames and deletes.

This module runs inside the program that is being recorded, on Python 3.8 or newer,
with nothing but the standard library; `observer/sitecustomize.py` loads it, and the modules
`observed_*` that it works with. It must never raise into
that program, print, or cost noticeable time.

A file that is opened again costs one lookup. A new path costs another few, and a line in
the log, written before the event takes place. To look at the metadata of each new file as
well would cost more than all the rest, so that is done as long as it takes a hundredth
of the time; a program that does nothing but open files has only a part of them looked at.
What `mlv.capture.observing.observe` makes of the others is written there.
"""

from __future__ import annotations

import os
import stat
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from mlv.capture.observing.observed_log import ObservedLog
    from mlv.capture.observing.observed_places import Places

_HERE = os.path.dirname((lambda: None).__code__.co_filename)
_WRITING = os.O_WRONLY | os.O_RDWR
_UNUSUAL = _WRITING | os.O_DIRECTORY
_NO_DIR_FD = -1
_MAX_REMEMBERED = 500_000
"""Paths kept in memory; past it they are forgotten, and noted a second time at worst."""

_LOOK_EVERY_NS = 1_000_000
"""A look takes 4 to 8 us, so they take no more than 1 % of the time."""
_LOOKS_AT_ONCE = 200
_BYTECODE = (".pyc", ".pyo")
_CODE = (".py", ".pyi", ".so", ".dylib", *_BYTECODE)
_IMPORTERS = ("importlib", "pkgutil.py", "pkg_resources", "zipimport")
"""What lists the places of modules; part of the name of its source file."""


def install(log: ObservedLog, places: Places, others: Mapping[str, Callable[..., None]]) -> None:
    """Watch this process from now on.

    Args:
        log: Where lines go.
        places: What the directories of the machine are called.
        others: What else is to be done, by audit event.
    """
    sys.addaudithook(_hook_of(_Watcher(log, places), others))


def _hook_of(
    watcher: _Watcher, others: Mapping[str, Callable[..., None]]
) -> Callable[[str, tuple[Any, ...]], None]:
    """Return the hook.

    What may happen ten thousand times a second is handled in its body, with names that are
    local to it: to call a method would take as long as all the rest.
    """
    log, known, prefixes = watcher.log, watcher.known, watcher.prefixes
    handlers = _join(others, watcher.handlers)
    monotonic_ns = time.monotonic_ns

    def hook(event: str, args: tuple[Any, ...]) -> None:
        try:
            if event != "open":
                if event in handlers:
                    handlers[event](*args)
                return
            path, _, flags = args
            if path in known and not flags & _WRITING:
                return
            if type(path) is str and not flags & _UNUSUAL:
                directory, _, base = path.rpartition("/")
                if (
                    directory in prefixes
                    and base.isascii()
                    and base.isprintable()
                    and '"' not in base
                    and "\\" not in base
                    and not base.endswith(_CODE)
                    and base[:1] != "."
                ):
                    now_ns = monotonic_ns()
                    if now_ns < watcher.next_look_ns:
                        line = f'{{"t":{now_ns},"k":"r","p":"{prefixes[directory]}{base}"}}\n'
                        log.append(line.encode())
                        known.add(path)
                        return
            watcher.on_open(path, None, flags)
        except Exception as error:
            # A failure to observe must not become a failure of the program; but what a
            # signal handler of the program raised just now is the program's own.
            if _is_foreign(error):
                raise

    return hook


def _join(
    first: Mapping[str, Callable[..., None]], second: Mapping[str, Callable[..., None]]
) -> dict[str, Callable[..., None]]:
    both = {event: _both(first[event], second[event]) for event in first.keys() & second.keys()}
    return {**first, **second, **both}


def _both(first: Callable[..., None], second: Callable[..., None]) -> Callable[..., None]:
    def handle(*args: Any) -> None:
        first(*args)
        second(*args)

    return handle


class _Watcher:
    """What one process has done so far; a forked child goes on with a copy of it."""

    def __init__(self, log: ObservedLog, places: Places) -> None:
        self.log = log
        self.places = places
        self.escape = places.escape
        self.ignored = places.ignored
        self.known: set[str] = set()  # paths as opened, of which reading is nothing new
        self.prefixes: dict[str, str] = {}  # of names, by directory as opened
        self.reads: set[str] = set()  # names
        self.writes: set[str] = set()
        self.listed: set[str] = set()  # names of directories
        self.here: str | None = None
        self.moved = False
        self.next_look_ns = 0
        self.handlers: Mapping[str, Callable[..., None]] = {
            "import": self._on_import,
            "ctypes.dlopen": self._on_library,
            "sqlite3.connect": self._on_library,
            "os.chdir": self._on_chdir,
            "os.rename": self._on_rename,
            "os.remove": self._on_remove,
            "os.rmdir": self._on_remove,
            "shutil.rmtree": self._on_remove,
            "os.link": self._on_link,
            "os.symlink": self._on_symlink,
            "os.truncate": self._on_truncate,
            "os.listdir": self._on_list,
            "os.scandir": self._on_list,
        }

    def on_open(self, path: Any, _mode: object, flags: int) -> None:
        opened = path if type(path) is str else ""
        path = path if opened[:1] == "/" else self._find_absolute(path)
        if path is None or flags & os.O_DIRECTORY:
            return
        if self.moved and opened[:1] != "/":
            opened = ""
        directory, _, base = path.rpartition("/")
        place = self.places.find(directory)
        if place is None or base in self.ignored or base.endswith(_BYTECODE):
            self._remember(opened)
        elif flags & _WRITING:
            self._open_to_write(path, place[0] + self.escape(base), flags)
        else:
            inner = opened.rpartition("/")[0]
            if inner and not place[1]:
                self.prefixes[inner] = place[0]
            self._open_to_read(opened, path, place[0] + self.escape(base))

    def _open_to_read(self, opened: str, path: str, name: str) -> None:
        if name in self.reads or name in self.writes or _is_code_outside(name):
            self._remember(opened)
            return
        now_ns = time.monotonic_ns()
        earliest_ns = now_ns - _LOOKS_AT_ONCE * _LOOK_EVERY_NS
        self.next_look_ns = max(self.next_look_ns, earliest_ns) + _LOOK_EVERY_NS
        info = os.lstat(path)  # one that is not there is nothing to note
        if stat.S_ISLNK(info.st_mode):
            found, info = self._find_name_of_link(path, name), os.stat(path)
            name = found or ""
        if not name or not stat.S_ISREG(info.st_mode) or _is_code_outside(name):
            return
        # First the line: the handler of a signal may raise anywhere between.
        self.log.write(f'"k":"r","p":"{name}","s":{_signature(info)}', now_ns)
        _bound(self.reads)
        self.reads.add(name)
        self._remember(opened)

    def _open_to_write(self, path: str, name: str, flags: int) -> None:
        if name in self.writes:
            return
        info = _find_stat(path, follow=False)
        if info is not None and stat.S_ISLNK(info.st_mode):
            found, info = self._find_name_of_link(path, name), _find_stat(path, follow=True)
            name = found or "/"
        if name[:1] == "/" or (info is not None and not stat.S_ISREG(info.st_mode)):
            return
        keeps_content = flags & os.O_RDWR and not flags & os.O_TRUNC
        seen = name in self.reads or name in self.writes
        if info is not None and keeps_content and not seen:
            self.log.write(f'"k":"r","p":"{name}","s":{_signature(info)}')
            self.reads.add(name)
        if info is not None or flags & os.O_CREAT:
            self._note_write(name, existed=info is not None)

    def _note_write(self, name: str, *, existed: bool) -> None:
        if name not in self.writes:
            self.log.write(f'"k":"w","p":"{name}","x":{int(existed)}')
            _bound(self.writes)
            self.writes.add(name)

    def _on_import(self, _module: object, path: object, *_: object) -> None:
        if path:  # that of a module of native code
            self._on_library(path)

    def _on_library(self, path: Any, *_: object) -> None:
        if type(path) is not str or "/" in path or os.path.exists(path):
            self.on_open(path, None, os.O_RDONLY)

    def _on_list(self, path: Any) -> None:
        code = sys._getframe(2).f_code  # noqa: SLF001 - whose call it was; the hook lies between
        if any(part in code.co_filename for part in _IMPORTERS) or "rmtree" in code.co_name:
            return
        if isinstance(path, int):
            absolute: str | None = os.readlink(f"/proc/self/fd/{path}")
        else:
            absolute = self._find_absolute("." if path is None else path)
        place = absolute and self.places.find_listed(absolute.rstrip("/"))
        if not place:
            return
        name = place[0] if place[0] in ("", "/") else place[0][:-1]
        if name not in self.listed:
            _bound(self.listed)
            self.listed.add(name)
            self.log.write(f'"k":"l","p":"{name or "."}"')

    def _on_chdir(self, _path: object) -> None:
        # It has not happened yet, and another thread may open files meanwhile.
        self.moved = True
        self._forget_paths()

    def _on_rename(self, src: Any, dst: Any, src_fd: int = -1, dst_fd: int = -1) -> None:
        source, target = _absolute(src, src_fd), _absolute(dst, dst_fd)
        info = source and _find_stat(source, follow=False)
        if not source or not target or not info:
            return
        before, after = self.places.name_inside(source), self.places.name_inside(target)
        directory = stat.S_ISDIR(info.st_mode)
        self._forget(before, directory=directory)
        self._forget(after, directory=directory)
        if before is not None or after is not None:
            old, new = (f'"{name}"' if name else "null" for name in (before, after))
            existed = int(_find_stat(target, follow=False) is not None)
            self.log.write(f'"k":"mv","p":{old},"q":{new},"d":{int(directory)},"x":{existed}')
        if after is not None and not directory:
            self.writes.add(after)

    def _on_remove(self, path: Any, dir_fd: int | None = _NO_DIR_FD) -> None:
        absolute = _absolute(path, dir_fd)
        info = absolute and _find_stat(absolute, follow=False)
        if not absolute or not info:
            return
        name, directory = self.places.name_inside(absolute), stat.S_ISDIR(info.st_mode)
        self._forget(name, directory=directory)
        if name:
            self.log.write(f'"k":"rm","p":"{name}","d":{int(directory)}')

    def _on_link(self, _src: Any, dst: Any, _src_fd: int = -1, dst_fd: int = -1) -> None:
        target = _absolute(dst, dst_fd)
        name = target and self.places.name_inside(target)
        if name:
            self._note_write(name, existed=False)

    def _on_symlink(self, src: Any, dst: Any, dir_fd: int = _NO_DIR_FD) -> None:
        self._forget_paths()
        self.places.forget()
        self._on_link(src, dst, _NO_DIR_FD, dir_fd)

    def _on_truncate(self, path: Any, _length: int) -> None:
        self.on_open(path, None, os.O_WRONLY)

    def _find_name_of_link(self, path: str, name: str) -> str | None:
        """Name the file that is opened: where a link leads to.

        One that leads out of the worktree, or into the store, keeps its own name.
        """
        target = os.path.realpath(path)
        if name[:1] == "/":
            return self.places.name(target)
        inside = self.places.is_inside(target)
        return (self.places.name(target) if inside else None) or name

    def _forget(self, name: str | None, *, directory: bool) -> None:
        self._forget_paths()
        if directory:
            self.places.forget()
        if name is None:
            return
        for seen in (self.reads, self.writes):
            seen.discard(name)
            if directory:
                seen.difference_update([old for old in tuple(seen) if old.startswith(name + "/")])

    def _remember(self, opened: str) -> None:
        if opened:
            _bound(self.known)
            self.known.add(opened)

    def _forget_paths(self) -> None:
        self.known.clear()
        self.prefixes.clear()

    def _find_absolute(self, path: Any) -> str | None:
        if isinstance(path, int) or self.moved:
            return _absolute(path)
        if self.here is None:
            self.here = os.getcwd()
        return os.path.join(self.here, os.fsdecode(path))


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


def _is_code_outside(name: str) -> bool:
    return name[:1] == "/" and ("/." in name or name.endswith(_CODE))


def _find_stat(path: str, *, follow: bool) -> os.stat_result | None:
    try:
        return os.stat(path, follow_symlinks=follow)
    except (OSError, ValueError):
        return None


def _signature(info: os.stat_result) -> str:
    return f"[{info.st_dev},{info.st_ino},{info.st_size},{info.st_mtime_ns},{info.st_ctime_ns}]"


def _bound(remembered: set[str]) -> None:
    if len(remembered) >= _MAX_REMEMBERED:
        remembered.clear()


def _is_foreign(error: BaseException) -> bool:
    trace = error.__traceback__
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    file = trace.tb_frame.f_code.co_filename
    own = (os.__file__, os.path.__file__, "<frozen os>", "<frozen posixpath>")
    return os.path.dirname(file) != _HERE and file not in own
