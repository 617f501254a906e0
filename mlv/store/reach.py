"""Mark: find every object that something names, trees and chunks included.

Objects are read as they are met, each once; a tree of any depth takes no recursion.
"""

from __future__ import annotations

import re
from binascii import unhexlify
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

import msgspec

from mlv.core.digest import Digest
from mlv.core.run import Content
from mlv.core.tree import TREE_HEADER, Fingerprint
from mlv.core.tree_buckets import decode_buckets, is_bucketed
from mlv.core.tree_limits import Descents, check_descents
from mlv.errors import CorruptDataError, MissingObjectError
from mlv.store.failures import storage_errors
from mlv.store.layout import Layout
from mlv.store.objects import ObjectStore, content_of
from mlv.store.pack_file import DamagedPackError, PackFile
from mlv.store.pack_format import PackEntry
from mlv.store.packs import list_packs
from mlv.store.recipes import decode_recipe
from mlv.store.trash import Trash
from mlv.store.trees import endless_trees, go_down

_ENTRY = re.compile(rb"^(file|exec|link|dir) ([0-9a-f]{64}) ([0-9]+) ", re.MULTILINE)


class Root(msgspec.Struct, frozen=True, kw_only=True):
    """An object that is needed whatever else is, with all below it.

    Attributes:
        content: The object.
        is_tree: Whether it is that of a directory.
        origin: Who names it, in words.
        required: Whether it ought to be in the store; else it is kept if it is.
    """

    content: Content
    is_tree: bool = False
    origin: str
    required: bool = True


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """A tree or a recipe that cannot be read, so that nobody knows what it names.

    Attributes:
        content: The object.
        origin: Who needs it.
        is_missing: Whether it is not there at all.
        is_expected: Whether it need not be there, and `origin` names it itself: then
            what it names is not there either.
        why: What is wrong with it.
    """

    content: Content
    origin: str
    is_missing: bool
    is_expected: bool
    why: str


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """All objects that are needed.

    Attributes:
        origins: Digest of each object, with the number of the first root that needs it.
        roots: The roots, by number.
        trees: Digest and size of each directory that was followed.
        unreadable: What could not be followed further.
    """

    origins: dict[bytes, int]
    roots: tuple[Root, ...]
    trees: dict[bytes, int]
    unreadable: list[Unreadable]

    def origin(self, digest: bytes) -> str:
        """Return who needs an object, in words."""
        return self.roots[self.origins[digest]].origin

    def is_required(self, digest: bytes) -> bool:
        """Tell whether an object ought to be in the store."""
        return self.roots[self.origins[digest]].required


def root_of(named: Content | Fingerprint, *, origin: str, required: bool = True) -> Root:
    """Return the root for something that a record names."""
    if isinstance(named, Content):
        return Root(content=named, origin=origin, required=required)
    return Root(
        content=content_of(named), is_tree=named.kind == "dir", origin=origin, required=required
    )


def find_reached(layout: Layout, objects: ObjectStore, roots: Iterable[Root]) -> Reached:
    """Return every object that `roots` need.

    Raises:
        StorageError: The disk is failing.
    """
    # What is required comes first, so that nothing required counts as optional.
    ordered = tuple(sorted(roots, key=lambda root: not root.required))
    objects.load_locations()
    walk = _Walk(objects, ordered)
    for number, root in enumerate(ordered):
        if root.is_tree:
            walk.follow_tree(number)
        else:
            walk.origins.setdefault(bytes.fromhex(root.content.digest), number)
    with storage_errors("read the packs of the store"):
        walk.follow_recipes(list_recipes(layout))
    return Reached(
        origins=walk.origins, roots=ordered, trees=walk.trees, unreadable=walk.unreadable
    )


def holds_all(objects: ObjectStore, tree: Content) -> bool:
    """Tell whether a directory and everything below it is in the store.

    That is quicker than to list it; the chunks of large blobs are not looked for.

    Raises:
        CorruptDataError: There is no end of directories in it.
        StorageError: The disk is failing.
    """
    trees = [(tree, 0)]
    seen: set[Content] = set()
    inner: dict[Content, list[Content]] = {}
    files: set[bytes] = set()
    descents = Descents((tree,), objects.read)
    while trees:
        each, depth = trees.pop()
        if each in seen:
            continue
        seen.add(each)
        try:
            entries = list_entries(objects.read(each))
        except (CorruptDataError, MissingObjectError, ValueError):
            return False
        below = []
        for kind, digest, size in entries:
            if kind == b"dir":
                below.append(Content(digest=Digest(digest.decode()), size_bytes=int(size)))
            else:
                files.add(unhexlify(digest))
        if below:
            go_down(descents, each, depth)
            inner[each] = below
            trees += [(found, depth + 1) for found in below]
    with endless_trees():
        check_descents(tree, inner)
    return objects.contains_all(files)


class _Walk:
    """What was found so far."""

    def __init__(self, objects: ObjectStore, roots: Sequence[Root]) -> None:
        self.origins: dict[bytes, int] = {}
        self.trees: dict[bytes, int] = {}
        self.unreadable: list[Unreadable] = []
        self._objects = objects
        self._roots = roots

    def follow_tree(self, number: int) -> None:
        """Add the tree of a root, and all below it."""
        top = self._roots[number].content
        trees = [top]
        while trees:
            tree = trees.pop()
            digest = bytes.fromhex(tree.digest)
            if digest in self.trees:
                continue
            self.trees[digest] = tree.size_bytes
            self.origins.setdefault(digest, number)
            try:
                trees += self._take_entries(self._objects.read(tree), number)
            except (CorruptDataError, MissingObjectError, ValueError) as error:
                self._note(tree, number, error, is_root=tree is top)

    def follow_recipes(self, found: Iterable[tuple[PackFile, PackEntry]]) -> None:
        """Add the chunks of every recipe that is needed, and those of its copies as well."""
        broken: dict[bytes, tuple[int, Exception]] = {}
        followed: set[bytes] = set()
        for pack, entry in found:
            number = self.origins.get(entry.digest)
            if number is None:
                continue
            try:
                chunks = decode_recipe(pack.read(entry), size=entry.size)
            except (FileNotFoundError, DamagedPackError, ValueError) as error:
                broken[entry.digest] = (entry.size, error)
                continue
            followed.add(entry.digest)
            for chunk in chunks:
                self.origins.setdefault(chunk.digest, number)
        for digest in broken.keys() - followed:
            size, why = broken[digest]
            content = Content(digest=Digest(digest.hex()), size_bytes=size)
            if not self._is_readable(content):
                self._note(content, self.origins[digest], why, is_root=False)

    def _take_entries(self, data: bytes, number: int) -> list[Content]:
        """Add the files of a tree object, and return the trees in it.

        Raises:
            ValueError: It is no tree.
        """
        trees = []
        for kind, digest, size in list_entries(data):
            if kind == b"dir":
                trees.append(Content(digest=Digest(digest.decode()), size_bytes=int(size)))
            else:
                self.origins.setdefault(unhexlify(digest), number)
        return trees

    def _note(self, content: Content, number: int, error: Exception, *, is_root: bool) -> None:
        root = self._roots[number]
        is_missing = isinstance(error, MissingObjectError)
        self.unreadable.append(
            Unreadable(
                content=content,
                origin=root.origin,
                is_missing=is_missing,
                is_expected=is_missing and is_root and not root.required,
                why=str(error),
            )
        )

    def _is_readable(self, content: Content) -> bool:
        try:
            self._objects.verify(content)
        except (CorruptDataError, MissingObjectError):
            return False
        return True


def list_entries(data: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """Return kind, digest in hexadecimal and size of all that a tree object lists.

    A bucket counts as a directory.

    Raises:
        ValueError: It is no tree.
    """
    if is_bucketed(data):
        return [
            (b"dir", bucket.digest.encode(), b"%d" % bucket.size_bytes)
            for bucket in decode_buckets(data)
        ]
    rows = _ENTRY.findall(data)
    if not data.startswith(TREE_HEADER) or len(rows) + 1 != data.count(b"\n"):
        message = "it is no tree"
        raise ValueError(message)
    return rows


def list_recipes(layout: Layout) -> Iterator[tuple[PackFile, PackEntry]]:
    """Yield every recipe there is, with its pack; those in the trash last.

    Raises:
        OSError: The disk is failing.
    """
    for path in (*list_packs(layout), *Trash(layout).list_packs()):
        pack = PackFile(path, keep_open=False)
        with suppress(FileNotFoundError, DamagedPackError):
            for entry in pack.index.recipes():
                yield pack, entry
