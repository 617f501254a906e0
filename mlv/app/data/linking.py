"""Let files of the worktree share their bytes with the store, and stop that again."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from mlv.app.data.secrets import list_file_names
from mlv.app.workspace import Workspace
from mlv.core.link_type import LinkType, SharedLinkType
from mlv.core.paths import RepoPath
from mlv.core.run import Content
from mlv.store.adoption import adopt
from mlv.store.failures import storage_errors
from mlv.store.object_writer import ObjectWriter
from mlv.store.whole import WholeObjects
from mlv.worktree.fingerprint import find_fingerprint
from mlv.worktree.links import choose_link_type, share, unshare
from mlv.worktree.paths import os_path


class SharingSink:
    """Takes the content of files as whole objects, which the worktree can share.

    Args:
        objects: Of the transaction; takes all that is no file.
        workspace: Where.
        link_type: How the files will share their bytes.
    """

    def __init__(
        self, objects: ObjectWriter, workspace: Workspace, link_type: SharedLinkType
    ) -> None:
        self._objects = objects
        self._whole = WholeObjects(workspace.layout)
        self._link_type = link_type
        self._taken: list[tuple[Path, Content]] = []
        self.links_to = os.fsencode(os.path.realpath(workspace.layout.objects))

    def add_bytes(self, data: bytes) -> Content:
        """Store bytes."""
        return self._objects.add_bytes(data)

    def add_file(self, path: Path) -> Content:
        """Make a file a whole object, unless it is one.

        Raises:
            FileChangedError: It changed each time while it was being read.
            UnreadableFileError: It is not a regular file.
            OSError: It cannot be read, or the disk is full or failing.
        """
        content = self._objects.cache.find(path)
        if content is None or not self._whole.contains(content):
            content = adopt(self._whole, path, self._link_type)
            self._objects.cache.add(path, content)
        self._taken.append((path, content))
        return content

    def sync(self) -> None:
        """Make durable what was taken; to be called before the transaction ends."""
        self._whole.sync()

    def share(self) -> int:
        """Make the files links to their objects, which are durable by now.

        Returns:
            How many files had to be left as they are; empty ones do not count.

        Raises:
            OSError: The disk is full, read-only or failing.
        """
        whole, link_type = self._whole, self._link_type
        shared = [share(whole, path, content, link_type) for path, content in self._taken]
        return sum(
            not done and content.size_bytes > 0
            for done, (_, content) in zip(shared, self._taken, strict=True)
        )


def find_shared_link_type(workspace: Workspace, asked: LinkType | None) -> SharedLinkType | None:
    """Return how worktree and store are to share bytes; None when they keep copies.

    Raises:
        NotPossibleError: `reflink` was asked for, and cannot be had here.
        StorageError: The disk is full, read-only or failing.
    """
    with storage_errors("find out how files can be shared"):
        wanted = asked or workspace.settings.local.link
        used = choose_link_type(workspace.layout, workspace.root, wanted)
    return None if used == "copy" else used


def relink(workspace: Workspace, paths: Iterable[RepoPath], asked: LinkType) -> None:
    """Make files share their bytes with the store as asked, or not at all; content stays.

    Raises:
        NotPossibleError: `reflink` was asked for, and cannot be had here.
        FileChangedError: Somebody writes to a file meanwhile.
        StorageError: The disk is full, read-only or failing.
    """
    link_type = find_shared_link_type(workspace, asked)
    if link_type is None:
        unshare_data(workspace, paths)
        return
    with workspace.objects.hold():
        with workspace.objects.transaction() as objects:
            sink = SharingSink(objects, workspace, link_type)
            for path in paths:
                find_fingerprint(os_path(workspace.root, path), sink)
            sink.sync()
        with storage_errors("link data to the store"):
            sink.share()


def unshare_data(workspace: Workspace, paths: Iterable[RepoPath]) -> None:
    """Give files that share their bytes with the store a copy of their own.

    Raises:
        FileChangedError: Somebody replaced a file meanwhile.
        StorageError: The disk is full, read-only or failing.
    """
    with storage_errors("copy data out of the store"):
        for path in paths:
            for file in list_file_names(workspace.root, path, []):
                place = os_path(workspace.root, file)
                if not os.path.lexists(place):
                    continue
                found = place.lstat()
                if place.is_symlink() or found.st_nlink > 1:
                    unshare(workspace.layout, place)
