"""What a run read and wrote, told from the lines of its processes one after the other."""

# ruff: noqa: PTH116, PTH118
# There may be a million files, of names that are bytes.

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from mlv.capture.observing.observations import UNKNOWN_SIGNATURE, FileSignature, ObservedWrite
from mlv.capture.observing.observed_lines import Line
from mlv.core.paths import RepoPath, escape_name, unescape_name


class Story:
    """Reads and writes so far.

    Attributes:
        writes: What the run wrote, and did not remove.
        imported: What it executed.
        listed: Directories of which it asked for the names.

    Args:
        root: Root of the worktree.
        began_ns: When the run began, in ns since 1970, by the clock of the file system.
    """

    def __init__(self, root: Path, began_ns: int) -> None:
        self.writes: dict[RepoPath, ObservedWrite] = {}
        self.imported: set[RepoPath] = set()
        self.listed: set[RepoPath] = set()
        self._root = os.fsencode(root)
        self._real_root = os.path.realpath(self._root)
        self._began_ns = began_ns
        self._reads: dict[RepoPath, FileSignature | None] = {}

    def tell(self, line: Line) -> None:
        """Add what happened next."""
        path = None if line.p is None else RepoPath(line.p)
        if line.k == "mv":
            self._rename(path, None if line.q is None else RepoPath(line.q), line)
        elif path is None:
            return
        elif line.k == "r":
            self._read(path, line)
        elif line.k == "w":
            if not line.x and path in self._reads and self._reads[path] is None:
                del self._reads[path]  # nobody looked, and it was not there
            self.writes.setdefault(path, ObservedWrite(existed=line.x))
        elif line.k == "rm":
            self._take(path, directory=line.d)
        elif line.k == "i":
            self.imported.add(path)
        elif line.k == "l":
            self.listed.add(path)

    def reads(self) -> Iterator[tuple[RepoPath, FileSignature]]:
        """Yield what the run read, and what it was then.

        A file that nobody looked at when it was opened is looked at now. If it has not
        changed since the run began, it was then what it is now; if it is not there, it
        counts as one that never was. So the hook needs not look at every file.
        """
        for path, signature in self._reads.items():
            if signature is not None:
                yield path, signature
            else:
                found = self._look(path)
                if found is not None and found[0] not in self.writes:
                    yield found

    def _read(self, path: RepoPath, line: Line) -> None:
        if path in self.writes:
            return
        if line.s is not None:
            if self._reads.get(path) is None:
                self._reads[path] = _signature_of(*line.s)
        else:
            self._reads.setdefault(path, None)

    def _look(self, path: RepoPath) -> tuple[RepoPath, FileSignature] | None:
        place = os.path.join(self._root, unescape_name(path))
        try:
            if stat.S_ISLNK(os.lstat(place).st_mode):
                path = self._name_of_link(place, path)
            info = os.stat(place)
        except OSError:
            return None
        if not stat.S_ISREG(info.st_mode):
            return None
        if info.st_ctime_ns > self._began_ns:
            return path, UNKNOWN_SIGNATURE
        return path, _signature_of(
            info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns
        )

    def _name_of_link(self, place: bytes, path: RepoPath) -> RepoPath:
        target = os.path.realpath(place)
        if target.startswith(self._real_root + b"/"):
            inner = target[len(self._real_root) + 1 :]
            in_store = inner.startswith(b".mlv/")
            return path if in_store else RepoPath(escape_name(inner))
        return RepoPath(escape_name(target)) if path.startswith("/") else path

    def _rename(self, old: RepoPath | None, new: RepoPath | None, line: Line) -> None:
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


def _signature_of(dev: int, ino: int, size: int, mtime_ns: int, ctime_ns: int) -> FileSignature:
    return FileSignature(dev=dev, ino=ino, size=size, mtime_ns=mtime_ns, ctime_ns=ctime_ns)
