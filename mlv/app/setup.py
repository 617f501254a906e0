"""Start using mlv in a repository."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from mlv.app.workspace import create_workspace, locate_repository
from mlv.core.settings import Settings
from mlv.git.discovery import store_directory
from mlv.git.merge_driver import ensure_attribute, ensure_driver
from mlv.store.durable import replace_file
from mlv.store.failures import storage_errors

_EXCLUDED = "/.mlv/"


class InitResult(msgspec.Struct, frozen=True, kw_only=True):
    """What `init` made.

    Attributes:
        store: The new store.
        clone: Id of the new clone.
        attributes: Whether `.gitattributes` names the merge driver of pointers now, and
            did not before.
    """

    store: Path
    clone: str
    attributes: bool


def initialize(start: Path, settings: Settings) -> InitResult:
    """Create the store of a Git repository, and tell Git how to treat what mlv makes.

    Git is kept from looking into the store, and merges pointers with mlv.

    Raises:
        NotARepositoryError: `start` is not inside a Git worktree.
        StoreExistsError: The repository has a store.
        StorageError: The directory is read-only, or the disk is full.
    """
    location = locate_repository(start)
    exclude = location.common_dir / "info" / "exclude"
    if not os.path.lexists(store_directory(location)):
        with storage_errors(f"write {exclude}"):
            _exclude_store(exclude)
    workspace = create_workspace(start, settings)
    ensure_driver(workspace.git.command)
    attributes = ensure_attribute(location.root)
    return InitResult(store=workspace.layout.root, clone=workspace.clone, attributes=attributes)


def _exclude_store(exclude: Path) -> None:
    exclude.parent.mkdir(exist_ok=True)
    text = exclude.read_text(errors="surrogateescape") if exclude.exists() else ""
    if _EXCLUDED in text.splitlines():
        return
    if text and not text.endswith("\n"):
        text += "\n"
    replace_file(exclude, f"{text}{_EXCLUDED}\n".encode(errors="surrogateescape"))
