"""Put the content of an object under a name that nothing has yet."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from mlv.core.digest import Digest
from mlv.core.link_type import UsedLinkType
from mlv.core.run import Content
from mlv.core.tree import TreeEntry
from mlv.store.durable import write_all
from mlv.store.failures import storage_errors
from mlv.store.layout import Layout
from mlv.store.objects import ObjectStore, content_of
from mlv.store.reflink import clone_file
from mlv.store.whole import WholeObjects, hash_descriptor
from mlv.worktree.checkout.task import Names
from mlv.worktree.handles import create_file, unlink
from mlv.worktree.linked import find_linked_object

_FILE_MODE = 0o666
_EXEC_MODE = 0o777
_SMALL = 512 << 10


class Supply:
    """Makes files as the store has them, every byte verified when `put` returns.

    What is written is not synced: it is safe in the store, so that a check-out that a loss
    of power destroys is made again from there.

    Args:
        objects: Where the content is.
        layout: Of the same store.
        root: Root of the worktree.
        link_type: How files share their bytes with the store, where they can. Executable
            and empty files are never links.

    Attributes:
        on_block: Is told how many bytes of a large file were just written.
    """

    def __init__(
        self, objects: ObjectStore, layout: Layout, root: Path, link_type: UsedLinkType
    ) -> None:
        self.root = root
        self.objects = objects
        self._whole = WholeObjects(layout)
        self._link_type = link_type
        self.on_block: Callable[[int], None] | None = None
        self._real_root = os.path.realpath(os.fsencode(root))
        self._pile = os.path.realpath(os.fsencode(layout.objects))

    def put(self, directory: int, name: bytes, entry: TreeEntry, place: Names) -> None:
        """Make a file or a symbolic link.

        Args:
            directory: Where to make it.
            name: A name that nothing has there.
            entry: What to make; its own name does not matter.
            place: The way from the root to the directory in which it will end.

        Raises:
            MissingObjectError: The store has no such object.
            CorruptDataError: The object is damaged; what was made of it is no good.
            OSError: The disk is full or failing, or there is something of that name.
        """
        content = content_of(entry)
        if entry.kind == "link":
            os.symlink(self.objects.read(content), name, dir_fd=directory)
            return
        mode = _EXEC_MODE if entry.kind == "exec" else _FILE_MODE
        if self._link_type != "copy" and entry.size_bytes:
            if self._link_type == "reflink":
                if self._clone(directory, name, content, mode):
                    return
            elif entry.kind == "file" and self._link(directory, name, content, place):
                return
        self._copy(directory, name, content, mode)

    def find_linked(self, target: bytes, place: Names) -> Digest | None:
        """Return the object that a symbolic link in a directory stands for, if it does."""
        here = b"/".join((self._real_root, *place))
        return find_linked_object(self._pile, here, target)

    def sync(self) -> None:
        """Wait until the whole objects that had to be made are on the disk.

        Raises:
            StorageError: The disk is full or failing.
        """
        with storage_errors("write to the store"):
            self._whole.sync()

    def _copy(self, directory: int, name: bytes, content: Content, mode: int) -> None:
        if content.size_bytes > _SMALL:
            self._copy_large(directory, name, content, mode)
            return
        data = self.objects.read(content)
        descriptor = create_file(name, directory, mode)
        try:
            n_bytes = os.write(descriptor, data)
            if n_bytes < len(data):
                write_all(descriptor, data[n_bytes:])
        finally:
            os.close(descriptor)

    def _copy_large(self, directory: int, name: bytes, content: Content, mode: int) -> None:
        descriptor = create_file(name, directory, mode)
        try:
            _write_sparsely(descriptor, self._told(self.objects.stream(content)))
        finally:
            os.close(descriptor)

    def _told(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        for block in blocks:
            yield block
            if self.on_block is not None:
                self.on_block(len(block))

    def _clone(self, directory: int, name: bytes, content: Content, mode: int) -> bool:
        path = self._whole.find(content)
        if path is None:
            return False
        source = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        descriptor = create_file(name, directory, mode)
        try:
            if clone_file(source, descriptor) and hash_descriptor(descriptor) == content:
                return True
        finally:
            os.close(descriptor)
            os.close(source)
        # It cannot be shared, or the object is damaged: packs may have it.
        unlink(name, directory)
        return False

    def _link(self, directory: int, name: bytes, content: Content, place: Names) -> bool:
        path = self._whole.provide(content, lambda: self.objects.stream(content))
        if self._link_type == "symlink":
            digest = content.digest.encode()
            target = b"/".join((self._pile, digest[:2], digest[2:]))
            here = b"/".join((self._real_root, *place))
            os.symlink(os.path.relpath(target, here), name, dir_fd=directory)
            return True
        try:
            os.link(path, name, dst_dir_fd=directory)
        except FileExistsError:
            raise
        except OSError:
            # Another file system, or too many names: a copy is right, if not as small.
            return False
        return True


def _write_sparsely(descriptor: int, blocks: Iterable[bytes]) -> None:
    """Write blocks one after the other, and leave holes for those that are all zeros."""
    n_bytes = 0
    is_hole = False
    for block in blocks:
        n_bytes += len(block)
        is_hole = len(block) > _SMALL and not (block[0] or block[-1] or block.count(0) < len(block))
        if is_hole:
            os.lseek(descriptor, len(block), os.SEEK_CUR)
        else:
            write_all(descriptor, block)
    if is_hole:
        os.ftruncate(descriptor, n_bytes)
