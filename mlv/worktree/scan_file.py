"""Take the content of one entry of a directory that is no directory itself."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from mlv.core.digest import Digest
from mlv.errors import FileChangedError, UnreadableFileError
from mlv.store.stable_read import (
    N_TRIES,
    RACY_NS,
    STATE_BYTES,
    changed_while_read,
    is_being_written,
    pack_state,
    read_small,
)
from mlv.worktree.columns import EXEC, FILE, LINK, PASSED_OVER
from mlv.worktree.linked import find_linked_object
from mlv.worktree.open_directory import join_path, path_of
from mlv.worktree.scan_tasks import TakenFile
from mlv.worktree.sinks import Taker

NO_DIGEST = bytes(32)
NO_STATE = bytes(STATE_BYTES)
"""A state that no file has, in place of one that is not to be believed."""


class FileTaker:
    """Takes the entries of one open directory.

    Args:
        taker: Where content goes.
        directory: Path of the directory, for messages.
        descriptor: The open directory.
        now_ns: When the directory was looked at, before any file in it.
        follow_links: Whether links stand for what lies behind them.
    """

    def __init__(
        self,
        taker: Taker,
        directory: bytes,
        descriptor: int,
        now_ns: int,
        *,
        follow_links: bool = False,
    ) -> None:
        self._taker = taker
        self._directory = directory
        self._descriptor = descriptor
        self._racy_ns = now_ns - RACY_NS
        self._follow_links = follow_links
        self._add_small = taker.add_small
        self._small_bytes = taker.small_bytes

    def take(self, name: str, found: os.stat_result, state: bytes) -> TakenFile:
        """Take the content of a file or a link.

        Args:
            name: In the directory.
            found: What `lstat` said of it.
            state: What `pack_state` made of that.

        Raises:
            UnreadableFileError: It is a link to an object that is not there.
            FileChangedError: It changed each time while it was being read.
            OSError: It cannot be read, or is not there any more.
        """
        for _ in range(N_TRIES):
            mode, size_bytes = found.st_mode, found.st_size
            if not stat.S_ISREG(mode):
                return self._take_other(name, found, state)
            kind = EXEC if mode & stat.S_IXUSR else FILE
            if size_bytes > self._small_bytes:
                return self._take_large(name, found, kind)
            data = read_small(name, self._descriptor, size_bytes, state)
            if data is not None:
                digest = self._add_small(data)
                return TakenFile(kind, size_bytes, digest, self._believed(found, state))
            found = os.lstat(name, dir_fd=self._descriptor)
            state = pack_state(found)
        raise self._changed(name)

    def look_and_take(self, name: str) -> TakenFile:
        """Take the content of a file or a link as `take` does, looking at it first."""
        found = os.lstat(name, dir_fd=self._descriptor)
        return self.take(name, found, pack_state(found))

    def _take_large(self, name: str, found: os.stat_result, kind: int) -> TakenFile:
        path = path_of(self._directory, self._descriptor, name)
        content = self._taker.add_file(path)
        state = NO_STATE
        if self._taker.directories is not None:
            after = os.lstat(name, dir_fd=self._descriptor)
            if pack_state(after) == pack_state(found) and not is_being_written(path):
                state = self._believed(found, pack_state(found))
        return TakenFile(kind, content.size_bytes, bytes.fromhex(content.digest), state)

    def _take_other(self, name: str, found: os.stat_result, state: bytes) -> TakenFile:
        """Take a symbolic link; pass over what is neither that nor a file."""
        if stat.S_ISDIR(found.st_mode):
            raise self._changed(name)
        if not stat.S_ISLNK(found.st_mode):
            return TakenFile(PASSED_OVER, 0, NO_DIGEST, state)
        target = os.fsencode(os.readlink(name, dir_fd=self._descriptor))
        state = self._believed(found, state)
        if self._taker.links_to is not None:
            directory = os.path.realpath(self._directory)
            linked = find_linked_object(self._taker.links_to, directory, target)
            if linked is not None:
                return self._take_object(name, linked, state)
        if self._follow_links:
            return self._take_behind(name)
        return TakenFile(LINK, len(target), self._add_small(target), state)

    def _take_object(self, name: str, digest: Digest, state: bytes) -> TakenFile:
        """Take a link into the store for the file that it stands for."""
        try:
            found = os.stat(name, dir_fd=self._descriptor)
        except FileNotFoundError as error:
            path = os.fsdecode(join_path(self._directory, os.fsencode(name)))
            message = f"{path!r} is a link to an object that is not in the store"
            raise UnreadableFileError(message, hint=f"rm {path!r}") from error
        kind = EXEC if found.st_mode & stat.S_IXUSR else FILE
        return TakenFile(kind, found.st_size, bytes.fromhex(digest), state)

    def _take_behind(self, name: str) -> TakenFile:
        """Take a link for the file that it leads to, which may change while the link does not."""
        path = Path(os.path.realpath(path_of(self._directory, self._descriptor, name)))
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            return TakenFile(PASSED_OVER, 0, NO_DIGEST, NO_STATE)
        kind = EXEC if found.st_mode & stat.S_IXUSR else FILE
        content = self._taker.add_file(path)
        return TakenFile(kind, content.size_bytes, bytes.fromhex(content.digest), NO_STATE)

    def _believed(self, found: os.stat_result, state: bytes) -> bytes:
        """Return the state to remember: none when the file could change unseen."""
        racy = found.st_mtime_ns > self._racy_ns or found.st_ctime_ns > self._racy_ns
        return NO_STATE if racy else state

    def _changed(self, name: str) -> FileChangedError:
        return changed_while_read(join_path(self._directory, os.fsencode(name)))
