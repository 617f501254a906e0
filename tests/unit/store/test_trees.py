from __future__ import annotations

import pytest

from mlv.core.paths import RepoPath
from mlv.core.tree import Fingerprint, TreeEntry, encode_tree
from mlv.errors import MissingObjectError
from mlv.store.objects import ObjectStore
from mlv.store.trees import list_files
from tests.unit.core.builders import entry, fingerprint


def _add_tree(objects: ObjectStore, *entries: TreeEntry) -> Fingerprint:
    with objects.transaction() as writer:
        added = writer.add_bytes(encode_tree(entries))
    return Fingerprint(kind="dir", digest=added.digest, size_bytes=added.size_bytes)


def _named(name: str, found: Fingerprint) -> TreeEntry:
    return TreeEntry(name=name, kind=found.kind, digest=found.digest, size_bytes=found.size_bytes)


@pytest.mark.parametrize(
    ("top", "prefix"), [("data", "data/"), (".", ""), ("/abs/data", "/abs/data/")]
)
def test_directory_is_listed_to_the_bottom(objects: ObjectStore, top: str, prefix: str) -> None:
    file, link = entry("x.csv", b"1"), entry("latest", b"x.csv", "link")
    empty = _add_tree(objects)
    inner = _add_tree(objects, file, link, _named("empty", empty))
    tree = _add_tree(objects, _named("inner", inner), entry("run", b"", "exec"))
    assert list_files(objects, tree, RepoPath(top)) == {
        f"{prefix}inner/latest": link,
        f"{prefix}inner/x.csv": file,
        f"{prefix}run": entry("run", b"", "exec"),
    }


@pytest.mark.parametrize("path", ["model.pt", "out/model.pt", "/abs/model.pt"])
def test_file_is_its_own_only_entry(objects: ObjectStore, path: str) -> None:
    found = list_files(objects, fingerprint(b"1", "exec"), RepoPath(path))
    assert found == {path: entry("model.pt", b"1", "exec")}


def test_directory_that_is_not_stored_is_missing(objects: ObjectStore) -> None:
    with pytest.raises(MissingObjectError):
        list_files(objects, fingerprint(b"tree", "dir"), RepoPath("data"))
