"""Files of a worktree that share their bytes with whole objects of the store.

A shared file is read-only. If it is edited all the same, by root or after a `chmod`, then
the object is edited with it: `find_damaged` tells, and `mend` puts that right.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from mlv.core.digest import Digest, parse_digest
from mlv.core.link_type import LinkType, SharedLinkType, UsedLinkType
from mlv.core.run import Content
from mlv.errors import FileChangedError, NotPossibleError
from mlv.store.durable import write_all
from mlv.store.layout import Layout
from mlv.store.reflink import clone_file
from mlv.store.stable_read import file_state, has_writer
from mlv.store.whole import WholeObjects, hash_descriptor
from mlv.worktree.handles import create_file, find_stat
from mlv.worktree.linked import find_linked_object
from mlv.worktree.temporary import new_file, staging_directory

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_STAGED = b"file"
_BLOCK = 1 << 20

_clones: dict[tuple[int, int], bool] = {}
"""Whether files of one device can share blocks with those of another, as found out so far."""


def choose_link_type(layout: Layout, directory: Path, asked: LinkType) -> UsedLinkType:
    """Return how files of a directory are shared with the store.

    Args:
        layout: The store.
        directory: Where the files are, or will be; it is there already.
        asked: What the settings say.

    Raises:
        NotPossibleError: `reflink` was asked for, and cannot be had here.
        OSError: The disk is full, read-only or failing.
    """
    if asked != "auto" and asked != "reflink":  # noqa: PLR1714 - so that types follow
        return asked
    if can_clone(layout, directory):
        return "reflink"
    if asked == "auto":
        return "copy"
    message = f"files in {str(directory)!r} cannot be reflinks into the store"
    raise NotPossibleError(message, hint="use the link type `auto` or `hardlink`")


def can_clone(layout: Layout, directory: Path) -> bool:
    """Tell whether files of a directory can share blocks with those of the store.

    It is tried once in the life of a process.

    Raises:
        OSError: The disk is full, read-only or failing.
    """
    devices = (layout.temporary.stat().st_dev, directory.stat().st_dev)
    if devices not in _clones:
        _clones[devices] = _try_clone(layout, directory)
    return _clones[devices]


def share(whole: WholeObjects, path: Path, content: Content, link_type: SharedLinkType) -> bool:
    """Make a file of the worktree one with its whole object, which was just adopted.

    With `reflink` it is already. The file is replaced in one step, and only by an object
    that was verified and is on the disk.

    Args:
        whole: Where the object is.
        path: The file.
        content: What it held when it was adopted.
        link_type: `hardlink` or `symlink`.

    Returns:
        False when the file was left as it is: it is executable or empty, it changed since,
        somebody has it open for writing, or there is no way to link it.

    Raises:
        OSError: The disk is full, read-only or failing; the file is as it was.
    """
    if link_type == "reflink":
        return True
    final = whole.layout.object_file(content.digest)
    with _opened(path) as (directory, descriptor):
        found = os.fstat(descriptor)
        is_object = os.path.samestat(found, final.stat())
        if is_object and link_type == "hardlink":
            return True
        if not found.st_size or found.st_mode & stat.S_IXUSR or has_writer(descriptor):
            return False
        if hash_descriptor(descriptor) != content:
            return False
        if not is_object and not whole.is_intact(content):
            return False
        whole.sync()
        return _replace_by_link(directory, path, found, final, link_type)


def list_inodes(layout: Layout) -> dict[int, Digest]:
    """Return the whole objects of a store by the numbers of their inodes.

    Raises:
        OSError: The store cannot be read.
    """
    inodes = {}
    with os.scandir(layout.objects) as shards:
        for shard in shards:
            with os.scandir(shard) as entries:
                inodes.update({entry.inode(): shard.name + entry.name for entry in entries})
    return {inode: parse_digest(digest) for inode, digest in inodes.items()}


def find_shared_object(
    layout: Layout, path: Path, inodes: Mapping[int, Digest] | None = None
) -> Digest | None:
    """Return the object that a file of the worktree is one with, by hard or symbolic link.

    Reflinks do not count: to edit one leaves the object as it is.

    Args:
        layout: The store.
        path: The file.
        inodes: What `list_inodes` returns, to ask for many files.

    Raises:
        OSError: The file or the store cannot be read.
    """
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        pile, here = (os.fsencode(os.path.realpath(each)) for each in (layout.objects, path.parent))
        return find_linked_object(pile, here, os.fsencode(path.readlink()))
    if not stat.S_ISREG(found.st_mode) or found.st_nlink == 1:
        return None
    digest = (list_inodes(layout) if inodes is None else inodes).get(found.st_ino)
    if digest is None or not os.path.samestat(layout.object_file(digest).stat(), found):
        return None
    return digest


def is_shared(layout: Layout, path: Path) -> bool:
    """Tell whether to edit a file would be to edit an object of the store."""
    return find_shared_object(layout, path) is not None


def unshare(layout: Layout, path: Path, inodes: Mapping[int, Digest] | None = None) -> bool:
    """Replace a shared file by a copy of its own that can be edited, in one step.

    Args:
        layout: The store.
        path: The file.
        inodes: As in `find_shared_object`.

    Returns:
        False when it was not shared.

    Raises:
        FileChangedError: Somebody replaced the file meanwhile.
        OSError: The disk is full, read-only or failing; the file is as it was.
    """
    digest = find_shared_object(layout, path, inodes)
    if digest is None:
        return False
    before = path.lstat()
    directory = os.open(path.parent, _DIRECTORY)
    try:
        with staging_directory(directory) as (_, staging):
            _copy(layout.object_file(digest), staging)
            if not os.path.samestat(before, path.lstat()):
                message = f"{str(path)!r} was replaced by somebody else"
                raise FileChangedError(message, hint="run the same command again")
            os.rename(_STAGED, path.name, src_dir_fd=staging, dst_dir_fd=directory)
        os.fsync(directory)
    finally:
        os.close(directory)
    return True


def find_damaged(whole: WholeObjects, path: Path) -> Content | None:
    """Return the object that was edited through a file of the worktree, None if none was.

    Returns:
        The object by its right digest, with the size that its file has now.
    """
    digest = find_shared_object(whole.layout, path)
    if digest is None:
        return None
    try:
        size_bytes = whole.layout.object_file(digest).stat().st_size
    except FileNotFoundError:
        return None
    content = Content(digest=digest, size_bytes=size_bytes)
    return None if whole.is_intact(content) else content


def mend(
    whole: WholeObjects, path: Path, digest: Digest, blocks: Callable[[], Iterable[bytes]] | None
) -> Path:
    """Give an edited file its own copy of the edit, and the object its right bytes again.

    Args:
        whole: Where the object is.
        path: The file through which it was edited.
        digest: Of the object, as `find_damaged` returned it.
        blocks: Gives the right bytes; None when the store has no other copy.

    Returns:
        Where in quarantine the edited object is.

    Raises:
        MissingObjectError, CorruptDataError: As `blocks`; the object is in quarantine.
        OSError: The disk is full or failing.
    """
    unshare(whole.layout, path)
    away = whole.quarantine(digest)
    if blocks is not None:
        whole.write_blocks(blocks(), expected=digest)
    whole.sync()
    return away


def _try_clone(layout: Layout, directory: Path) -> bool:
    handle = os.open(directory, _DIRECTORY)
    try:
        with WholeObjects(layout).new_file() as (source, _), new_file(handle) as (name, target):
            write_all(source, b"x")
            try:
                return clone_file(source, target)
            finally:
                with suppress(OSError):
                    os.unlink(name, dir_fd=handle)
    finally:
        os.close(handle)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[int, int]]:
    """Open a file for reading, links not followed, and the directory that it is in."""
    directory = os.open(path.parent, _DIRECTORY)
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path.name, flags, dir_fd=directory)
        try:
            yield directory, descriptor
        finally:
            os.close(descriptor)
    finally:
        os.close(directory)


def _replace_by_link(
    directory: int, path: Path, found: os.stat_result, final: Path, link_type: SharedLinkType
) -> bool:
    with staging_directory(directory) as (_, staging):
        if link_type == "symlink":
            target = os.path.relpath(os.path.realpath(final), os.path.realpath(path.parent))
            os.symlink(target, _STAGED, dir_fd=staging)
        else:
            try:
                os.link(final, _STAGED, dst_dir_fd=staging)
            except OSError:  # another file system, or too many names
                return False
        now = find_stat(os.fsencode(path.name), directory)
        if now is None or file_state(now) != file_state(found):
            return False
        os.replace(_STAGED, path.name, src_dir_fd=staging, dst_dir_fd=directory)
    return True


def _copy(source: Path, staging: int) -> None:
    """Copy a file, with blocks shared where that can be done, and sync the copy."""
    target = create_file(_STAGED, staging, 0o666)
    try:
        with source.open("rb") as file:
            if not clone_file(file.fileno(), target):
                while block := file.read(_BLOCK):
                    write_all(target, block)
        os.fdatasync(target)
    finally:
        os.close(target)
