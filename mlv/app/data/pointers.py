"""Read and write the pointers of a worktree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from mlv.app.data.problems import raise_problems
from mlv.app.workspace import Workspace
from mlv.core.paths import RepoPath
from mlv.core.pointer import (
    MAX_POINTER_BYTES,
    data_path,
    format_pointer,
    parse_pointer,
    pointer_path,
)
from mlv.core.tree import Fingerprint
from mlv.errors import UnreadableFileError
from mlv.git.pointers import list_pointers, pointers_at, read_small_blobs
from mlv.store.durable import replace_file
from mlv.store.failures import storage_error, storage_errors
from mlv.worktree.paths import os_path


class Pointers(msgspec.Struct, frozen=True, kw_only=True):
    """Pointers of one worktree, or of one commit.

    Attributes:
        data: What each tracked path should hold, sorted by path.
        broken: What is wrong with the pointers that cannot be read, by the path of the data.
    """

    data: Mapping[RepoPath, Fingerprint]
    broken: Mapping[RepoPath, UnreadableFileError] = {}

    def covering(self, path: RepoPath) -> RepoPath | None:
        """Return the tracked path that is `path`, or that `path` lies in."""
        candidate = path
        while candidate:
            if candidate in self.data or candidate in self.broken:
                return candidate
            candidate = RepoPath(candidate.rpartition("/")[0])
        return None

    def require_sound(self, paths: Iterable[RepoPath]) -> None:
        """Check that the pointers of `paths` could be read.

        Raises:
            UnreadableFileError: At least one could not.
        """
        raise_problems([self.broken[path] for path in paths if path in self.broken])


def load_pointers(workspace: Workspace) -> Pointers:
    """Return the pointers in the worktree.

    Raises:
        GitError: Git refuses.
        StorageError: A pointer cannot be read from the disk.
    """
    texts = {path: _read(workspace, path) for path in list_pointers(workspace.git.command)}
    return parse_pointers({path: text for path, text in texts.items() if text is not None})


def read_pointers_at(workspace: Workspace, commit: str) -> dict[RepoPath, bytes]:
    """Return the bytes of each pointer in a commit, by the path of the pointer."""
    command = workspace.git.command
    blobs = pointers_at(command, commit)
    contents = read_small_blobs(command, sorted(set(blobs.values())))
    return {path: contents[blob] for path, blob in sorted(blobs.items())}


def parse_pointers(contents: Mapping[RepoPath, bytes]) -> Pointers:
    """Return what pointers say, given their bytes by the path of each pointer."""
    data: dict[RepoPath, Fingerprint] = {}
    broken: dict[RepoPath, UnreadableFileError] = {}
    for pointer, content in contents.items():
        path = data_path(pointer)
        try:
            data[path] = parse_pointer(content, pointer)
        except UnreadableFileError as error:
            broken[path] = error
    return Pointers(data=data, broken=broken)


def save_pointer(workspace: Workspace, path: RepoPath, data: Fingerprint) -> bool:
    """Write the pointer of the data at `path`, durably; return whether that changed anything.

    A pointer that says the same already is not touched, whatever comments it has.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    pointer = pointer_path(path)
    present = _read(workspace, pointer)
    if present is not None and parse_pointers({pointer: present}).data.get(path) == data:
        return False
    place = os_path(workspace.root, pointer)
    with storage_errors(f"write {place}"):
        replace_file(place, format_pointer(data).encode())
    return True


def _read(workspace: Workspace, pointer: RepoPath) -> bytes | None:
    """Return the first bytes of a pointer, None when there is no such file."""
    path = os_path(workspace.root, pointer)
    try:
        with path.open("rb") as file:
            return file.read(MAX_POINTER_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise storage_error(error, f"read {path}") from error
