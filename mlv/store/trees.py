"""List what is below a fingerprint."""

from __future__ import annotations

from mlv.core.paths import RepoPath
from mlv.core.run import Content
from mlv.core.tree import Fingerprint, TreeEntry
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
        CorruptDataError: A tree is damaged.
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


def _list_tree(objects: ObjectStore, tree: Content, path: RepoPath) -> dict[RepoPath, TreeEntry]:
    files: dict[RepoPath, TreeEntry] = {}
    for entry in objects.read_tree(tree):
        inner = RepoPath(f"{path}/{entry.name}" if path != "." else entry.name)
        if entry.kind == "dir":
            files |= _list_tree(objects, content_of(entry), inner)
        else:
            files[inner] = entry
    return files
