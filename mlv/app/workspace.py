"""The workspace: one worktree with its store, and every adapter that use cases need.

This is the one place where adapters are built.
"""

from __future__ import annotations

import secrets
from pathlib import Path

import msgspec

from mlv.core.settings import Settings
from mlv.errors import CorruptDataError, NotARepositoryError, StorageError
from mlv.git.discovery import GitLocation, find_git, is_in_bare_repository, store_directory
from mlv.git.repository import GitRepository
from mlv.store.layout import Layout, create_store, open_layout
from mlv.store.objects import ObjectStore
from mlv.store.operation_log import OperationLog


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that belongs to one worktree.

    Attributes:
        root: Root of the worktree, absolute.
        settings: What is configured.
        git: Its Git repository.
        layout: Where things are in the store.
        objects: The objects in the store.
        operations: The operation log.
        clone: Id of this clone.
    """

    root: Path
    settings: Settings
    git: GitRepository
    layout: Layout
    objects: ObjectStore
    operations: OperationLog
    clone: str

    def at(self, root: Path) -> Workspace:
        """Return the same store seen from another worktree of the same repository."""
        location = locate_repository(root)
        return msgspec.structs.replace(self, root=location.root, git=GitRepository(location))


def open_workspace(start: Path, settings: Settings) -> Workspace:
    """Open the workspace that `start` lies in.

    Raises:
        NotARepositoryError: `start` is not inside a Git worktree.
        NoStoreError: The repository has no store yet.
        CorruptDataError: The store has an unknown format.
    """
    location = locate_repository(start)
    return _build(location, open_layout(store_directory(location)), settings)


def inspect_workspace(start: Path, settings: Settings) -> Workspace:
    """Open the workspace that `start` lies in, even if its store is damaged.

    Raises:
        NotARepositoryError: `start` is not inside a Git worktree.
        NoStoreError: The repository has no store.
    """
    location = locate_repository(start)
    layout = Layout(store_directory(location))
    if not layout.root.is_dir():
        open_layout(layout.root)  # says so
    try:
        clone = layout.read_clone_id()
    except (CorruptDataError, StorageError):
        clone = ""
    return _assemble(location, layout, settings, clone)


def create_workspace(start: Path, settings: Settings) -> Workspace:
    """Create the store of the repository that `start` lies in.

    Raises:
        NotARepositoryError: `start` is not inside a Git worktree.
        StoreExistsError: The repository has a store.
        StorageError: The directory is read-only, or the disk is full.
    """
    location = locate_repository(start)
    layout = create_store(store_directory(location), clone_id=secrets.token_hex(8))
    return _build(location, layout, settings)


def locate_repository(start: Path) -> GitLocation:
    """Return the Git worktree that `start` lies in.

    Raises:
        NotARepositoryError: It lies in none.
    """
    location = find_git(start)
    if location is None and is_in_bare_repository(start):
        message = f"{str(start)!r} is a bare Git repository, without files to work with"
        raise NotARepositoryError(message, hint="make a worktree with `git worktree add DIR`")
    if location is None:
        message = f"{str(start)!r} is not inside a Git repository"
        raise NotARepositoryError(message, hint="create one with `git init`, or use `mlv -C DIR`")
    return location


def _build(location: GitLocation, layout: Layout, settings: Settings) -> Workspace:
    return _assemble(location, layout, settings, layout.read_clone_id())


def _assemble(location: GitLocation, layout: Layout, settings: Settings, clone: str) -> Workspace:
    return Workspace(
        root=location.root,
        settings=settings,
        git=GitRepository(location),
        layout=layout,
        objects=ObjectStore(layout),
        operations=OperationLog(layout.log, clone),
        clone=clone,
    )
