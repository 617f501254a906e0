"""Read everything that is in a worktree and its Git directory, to compare it later."""

from __future__ import annotations

import os
from pathlib import Path

FileFacts = tuple[str, bytes]


def read_files(root: Path) -> dict[bytes, FileFacts]:
    """Return kind and content of every file that Git could hold."""
    top = os.fsencode(root)
    files: dict[bytes, FileFacts] = {}
    for directory, subdirectories, names in os.walk(top):
        if directory == top:
            subdirectories.remove(b".git")
        links = [name for name in subdirectories if os.path.islink(directory + b"/" + name)]  # noqa: PTH114
        for name in (*names, *links):
            path = directory + b"/" + name
            files[os.path.relpath(path, top)] = _read_file(path)
    return files


def _read_file(path: bytes) -> FileFacts:
    if os.path.islink(path):  # noqa: PTH114
        return "link", os.readlink(path)  # noqa: PTH115
    kind = "exec" if os.stat(path).st_mode & 0o100 else "file"  # noqa: PTH116
    return kind, Path(os.fsdecode(path)).read_bytes()


def fingerprint(root: Path) -> dict[bytes, tuple[int, int, bytes]]:
    """Return mode, time of change and content of everything but what mlv may add to.

    That is: objects, refs under `refs/mlv`, and the times of the directories on the way.
    Git itself, whenever it reads a split index, renews the time of the shared part.
    """
    top = os.fsencode(root)
    facts: dict[bytes, tuple[int, int, bytes]] = {}
    for directory, subdirectories, names in os.walk(top):
        place = os.path.relpath(directory, top)
        if place == b".git":
            subdirectories.remove(b"objects")
        if place == b".git/refs" and b"mlv" in subdirectories:
            subdirectories.remove(b"mlv")
        for name in names:
            path = directory + b"/" + name
            status = os.lstat(path)
            content = _read_file(path)[1]
            changed = 0 if name.startswith(b"sharedindex.") else status.st_mtime_ns
            facts[os.path.relpath(path, top)] = (status.st_mode, changed, content)
        in_git = place.partition(b"/")[0] == b".git"
        status = os.lstat(directory)
        facts[place + b"/"] = (status.st_mode, 0 if in_git else status.st_mtime_ns, b"")
    return facts
