"""Look up a part of a stored directory, and store one with parts of another in it."""

from __future__ import annotations

from collections.abc import Mapping

from mlv.core.paths import RepoPath, parents_of
from mlv.core.run import Content
from mlv.core.tree import Fingerprint, TreeEntry
from mlv.store.object_writer import ObjectWriter
from mlv.store.objects import ObjectStore, content_of
from mlv.store.trees import list_files


def find_part(
    objects: ObjectStore, whole: Fingerprint, path: RepoPath, part: RepoPath
) -> Fingerprint | None:
    """Return the fingerprint of a part of data, None when the data has no such part.

    Args:
        objects: Where the trees are.
        whole: The data.
        path: Where the data is.
        part: The path of the part: `path`, or below it.

    Raises:
        MissingObjectError, CorruptDataError: A tree on the way cannot be read.
    """
    if part == path:
        return whole
    found: Fingerprint | TreeEntry = whole
    for name in part.removeprefix(f"{path}/").split("/"):
        if found.kind != "dir":
            return None
        entries = {entry.name: entry for entry in objects.read_tree(content_of(found))}
        if name not in entries:
            return None
        found = entries[name]
    return _measure(objects, found)


def store_with(
    objects: ObjectStore,
    writer: ObjectWriter,
    tree: Fingerprint | None,
    files: Mapping[str, TreeEntry],
) -> Fingerprint:
    """Store a directory that is like another one, with some files more.

    Args:
        objects: Where the trees are.
        writer: Of the transaction.
        tree: The other directory; None, or anything else, counts as an empty one.
        files: What to add, or to put in place of a file, by the path inside the directory.

    Raises:
        MissingObjectError, CorruptDataError: A tree cannot be read.
    """
    stored = _store(objects, writer, tree, files)
    return _measure(objects, stored)


class Directories:
    """Tells which directories a stored directory has in it; reads each tree once."""

    def __init__(self, objects: ObjectStore, top: Fingerprint | None) -> None:
        self._objects = objects
        self._known: dict[str, dict[str, TreeEntry] | None] = {"": None}
        if top is not None and top.kind == "dir":
            self._known[""] = self._list(content_of(top))

    def has(self, path: str) -> bool:
        """Tell whether there is a directory at `path`, relative to the top, which is `""`."""
        return self._find(path) is not None

    def _find(self, path: str) -> dict[str, TreeEntry] | None:
        if path not in self._known:
            parent, _, name = path.rpartition("/")
            entry = (self._find(parent) or {}).get(name)
            is_directory = entry is not None and entry.kind == "dir"
            self._known[path] = self._list(content_of(entry)) if entry and is_directory else None
        return self._known[path]

    def _list(self, tree: Content) -> dict[str, TreeEntry]:
        return {entry.name: entry for entry in self._objects.read_tree(tree)}


def _store(
    objects: ObjectStore,
    writer: ObjectWriter,
    tree: Fingerprint | None,
    files: Mapping[str, TreeEntry],
) -> TreeEntry:
    # Each directory comes after the one that it is in.
    directories = {"": _read_entries(objects, tree)}
    for path, entry in files.items():
        place, _, name = path.rpartition("/")
        if place not in directories:
            for inner in (*parents_of(RepoPath(place)), place):
                outer, _, last = inner.rpartition("/")
                if inner not in directories:
                    directories[inner] = _read_entries(objects, directories[outer].get(last))
        directories[place][name] = entry
    for path in reversed(directories):
        if path:
            outer, _, name = path.rpartition("/")
            directories[outer][name] = _add(writer, name, directories[path])
    return _add(writer, "", directories[""])


def _add(writer: ObjectWriter, name: str, entries: Mapping[str, TreeEntry]) -> TreeEntry:
    content = writer.add_tree(entries.values())
    return TreeEntry(name=name, kind="dir", digest=content.digest, size_bytes=content.size_bytes)


def _read_entries(
    objects: ObjectStore, tree: Fingerprint | TreeEntry | None
) -> dict[str, TreeEntry]:
    entries = objects.read_tree(content_of(tree)) if tree and tree.kind == "dir" else ()
    return {entry.name: entry for entry in entries}


def _measure(objects: ObjectStore, found: Fingerprint | TreeEntry) -> Fingerprint:
    if isinstance(found, Fingerprint):
        return found
    plain = Fingerprint(kind=found.kind, digest=found.digest, size_bytes=found.size_bytes)
    if found.kind != "dir":
        return plain
    sizes = [entry.size_bytes for entry in list_files(objects, plain, RepoPath(".")).values()]
    return Fingerprint(
        kind="dir",
        digest=found.digest,
        size_bytes=found.size_bytes,
        n_files=len(sizes),
        total_bytes=sum(sizes),
    )
