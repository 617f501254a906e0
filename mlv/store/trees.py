"""List what is below a fingerprint, however deep; not what has no end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mlv.core.paths import RepoPath
from mlv.core.run import Content
from mlv.core.tree import Fingerprint, TreeEntry
from mlv.core.tree_limits import Descents
from mlv.errors import CorruptDataError
from mlv.store.objects import ObjectStore, content_of


def list_files(
    objects: ObjectStore, fingerprint: Fingerprint, path: RepoPath
) -> dict[RepoPath, TreeEntry]:
    """Return every file and link of a fingerprint under its full path.

    Args:
        objects: Where the trees are.
        fingerprint: Of a file, which is its own only entry, or of a directory.
        path: Where the fingerprint belongs.

    Raises:
        MissingObjectError: A tree is not in the store.
        CorruptDataError: A tree is damaged, or there is no end of directories in it.
    """
    if fingerprint.kind == "dir":
        return _list_tree(objects, content_of(fingerprint), path)
    name = path.rpartition("/")[2]
    entry = TreeEntry(
        name=name,
        kind=fingerprint.kind,
        digest=fingerprint.digest,
        size_bytes=fingerprint.size_bytes,
    )
    return {path: entry}


def go_down(descents: Descents, tree: Content, depth: int) -> None:
    """Take note that a walk goes on into the directories of a directory, as `Descents` does.

    Raises:
        CorruptDataError: They lie too deep, or one comes too often.
    """
    with endless_trees():
        descents.go_down(tree, depth)


@contextmanager
def endless_trees() -> Iterator[None]:
    """Raise `CorruptDataError` when the block finds that there is no end of directories.

    Raises:
        CorruptDataError: There is none.
    """
    try:
        yield
    except ValueError as error:
        message = f"a directory in the store cannot be listed: {error}"
        raise CorruptDataError(message) from error


def _list_tree(objects: ObjectStore, top: Content, path: RepoPath) -> dict[RepoPath, TreeEntry]:
    files: dict[RepoPath, TreeEntry] = {}
    descents = Descents((top,), objects.read)

    def list_one(tree: Content, depth: int) -> Iterator[TreeEntry]:
        entries = objects.read_tree(tree)
        if any(entry.kind == "dir" for entry in entries):
            go_down(descents, tree, depth)
        return iter(entries)

    stack = [(path, list_one(top, 0))]
    while stack:
        here, entries = stack[-1]
        for entry in entries:
            inner = RepoPath(f"{here}/{entry.name}" if here != "." else entry.name)
            if entry.kind == "dir":
                stack.append((inner, list_one(content_of(entry), len(stack))))
                break
            files[inner] = entry
        else:
            stack.pop()
    return files
