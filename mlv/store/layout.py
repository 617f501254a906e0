"""Where things are in a store, and how a store comes to be.

Source: docs/reference/store-format.md, "Files".
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from functools import cached_property
from pathlib import Path

from mlv.core.digest import Digest
from mlv.errors import CorruptDataError, NoStoreError, StoreExistsError
from mlv.store.durable import sync_directory
from mlv.store.failures import storage_error, storage_errors

FORMAT = b"mlv-store 1\ndigest blake3\n"

_CLONE_ID = re.compile(rb"[0-9A-Za-z-]{1,64}")

_DIRECTORIES = ("objects", "packs", "live", "log", "quarantine", "trash", "tmp", "cache")

GIT_MARKER = {
    "HEAD": b"ref: refs/heads/main\n",
    "config": b"[core]\n\trepositoryformatversion = 0\n\tbare = true\n",
}
"""A bare repository in `.mlv/.git`: `git clean -fdx` and `git stash --all` pass it by."""


class Layout:
    """Paths inside one store."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.objects = root / "objects"
        self.packs = root / "packs"
        self.live = root / "live"
        self.log = root / "log"
        self.quarantine = root / "quarantine"
        self.trash = root / "trash"
        self.temporary = root / "tmp"
        self.cache = root / "cache"
        self.worktree_journal = root / "worktree-journal"
        self.data_journal = root / "data-journal"
        self.lock = root / "lock"
        self.turnstile = root / "turnstile"

    @cached_property
    def foreign_owner(self) -> tuple[int, int] | None:
        """User and group that the store belongs to, if this process is root and they are not."""
        if os.geteuid() != 0:
            return None
        found = self.root.stat()
        return (found.st_uid, found.st_gid) if found.st_uid != 0 else None

    def object_file(self, digest: Digest) -> Path:
        """Return where the bytes of an object are."""
        return self.objects / digest[:2] / digest[2:]

    def pack_file(self, digest: Digest) -> Path:
        """Return where the pack of that digest is."""
        return self.packs / digest[:2] / digest[2:]

    def new_temporary(self) -> Path:
        """Return a name for a file that is being written; it says which process owns it."""
        return self.temporary / f"{os.getpid()}.{secrets.token_hex(8)}"

    def read_clone_id(self) -> str:
        """Return the id of this clone.

        Raises:
            StorageError: It cannot be read.
            CorruptDataError: It is no id.
        """
        with storage_errors("read the id of this clone"):
            found = (self.root / "clone").read_bytes().strip()
        if not is_clone_id(found):
            message = f"{self.root / 'clone'} does not hold the id of a clone"
            hint = f"the names of the files in {self.log} are ids: put this clone's back"
            raise CorruptDataError(message, hint=hint)
        return found.decode()


def is_clone_id(text: bytes) -> bool:
    """Tell whether `text` can be the id of a clone."""
    return _CLONE_ID.fullmatch(text) is not None


def create_store(root: Path, *, clone_id: str) -> Layout:
    """Create an empty store at `root`, in one step.

    Raises:
        StoreExistsError: There is something at `root`.
        StorageError: The directory is read-only, or the disk is full.
    """
    if os.path.lexists(root):
        raise _exists(root)
    temporary = root.with_name(f"{root.name}.{secrets.token_hex(6)}.tmp")
    with storage_errors(f"create a store in {root.parent}"):
        try:
            _fill(temporary, clone_id)
            temporary.rename(root)
        except BaseException as error:
            shutil.rmtree(temporary, ignore_errors=True)
            if isinstance(error, OSError) and root.exists():
                raise _exists(root) from error
            raise
        sync_directory(root.parent)
    return Layout(root)


def open_layout(root: Path) -> Layout:
    """Return the layout of an existing store.

    Raises:
        NoStoreError: There is none.
        CorruptDataError: Its format is unknown to this version of mlv.
        StorageError: It cannot be read.
    """
    try:
        found = (root / "format").read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        if (root / "packs").is_dir():
            message = f"the store in {root.parent} has lost the file 'format'"
            raise CorruptDataError(
                message, hint="make it again with `mlv fsck --repair`"
            ) from error
        message = f"there is no mlv store in {root.parent}"
        raise NoStoreError(message, hint="create one with `mlv init`") from error
    except OSError as error:
        raise storage_error(error, "open the store") from error
    if found != FORMAT:
        first = found.split(b"\n", 1)[0].decode("utf-8", "replace")
        message = (
            f"the store in {root.parent} has the format {first!r}; this mlv knows 'mlv-store 1'"
        )
        raise CorruptDataError(message, hint="upgrade mlv: `pip install --upgrade mlv`")
    with storage_errors(f"open the store in {root.parent}"):
        for name in _DIRECTORIES:  # tools that copy files drop empty directories
            (root / name).mkdir(exist_ok=True)
    return Layout(root)


def _exists(root: Path) -> StoreExistsError:
    message = f"there is an mlv store in {root.parent} already"
    return StoreExistsError(message, hint="record a run with `mlv run COMMAND`")


def _fill(root: Path, clone_id: str) -> None:
    for name in _DIRECTORIES:
        (root / name).mkdir(parents=True)
    marker = root / ".git"
    for name in ("objects", "refs"):
        (marker / name).mkdir(parents=True)
    files = {root / "format": FORMAT, root / "clone": f"{clone_id}\n".encode()}
    files |= {root / name: b"" for name in ("lock", "turnstile")}
    files |= {marker / name: content for name, content in GIT_MARKER.items()}
    for path, content in files.items():
        with path.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    for directory in (root, marker):
        sync_directory(directory)
