"""Tell what is under a name now: what was expected, what is wanted, or something else."""

from __future__ import annotations

import os
import stat
from typing import Literal

from mlv.core.digest import digest_of
from mlv.core.tree import TreeEntry
from mlv.store.objects import content_of
from mlv.store.stable_read import file_state
from mlv.store.whole import hash_descriptor
from mlv.worktree.checkout.supply import Supply
from mlv.worktree.checkout.task import EditFile, Names
from mlv.worktree.handles import find_stat

Standing = Literal["absent", "before", "after", "other"]


def find_standing(supply: Supply, directory: int, edit: EditFile, place: Names) -> Standing:
    """Return what is under the name of an edit at this moment.

    A file is read unless its state is the one that the edit knows.

    Raises:
        OSError: The disk is failing.
    """
    found = find_stat(edit.name, directory)
    if found is None:
        return "absent"
    if edit.before is not None:
        if edit.state is not None and edit.state == file_state(found):
            return "before"
        if _holds(supply, directory, edit.name, found, edit.before, place):
            return "before"
    if edit.after is not None and _holds(supply, directory, edit.name, found, edit.after, place):
        return "after"
    return "other"


def _holds(
    supply: Supply,
    directory: int,
    name: bytes,
    found: os.stat_result,
    entry: TreeEntry,
    place: Names,
) -> bool:
    if stat.S_ISLNK(found.st_mode):
        target = os.readlink(name, dir_fd=directory)
        if entry.kind == "link":
            return digest_of(target) == entry.digest
        return entry.kind == "file" and supply.find_linked(target, place) == entry.digest
    if not stat.S_ISREG(found.st_mode) or found.st_size != entry.size_bytes:
        return False
    if entry.kind != ("exec" if found.st_mode & stat.S_IXUSR else "file"):
        return False
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(name, flags, dir_fd=directory)
    except (PermissionError, FileNotFoundError):
        return False  # what cannot be read is nobody's to replace
    try:
        return hash_descriptor(descriptor) == content_of(entry)
    finally:
        os.close(descriptor)
