from __future__ import annotations

import pytest

from mlv.core.paths import RepoPath
from mlv.core.tree import Fingerprint, TreeEntry, encode_tree
from mlv.core.tree_limits import MAX_DEPTH
from mlv.errors import CorruptDataError, MissingObjectError
from mlv.store.objects import ObjectStore, content_of
from mlv.store.reach import holds_all
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


def _nest(objects: ObjectStore, n_levels: int, *names: str) -> Fingerprint:
    """Put a file into a directory, that into another one by each of the names, and so on."""
    tree = _add_tree(objects, entry("x", b"1"))
    with objects.transaction() as writer:
        for _ in range(n_levels):
            data = encode_tree([_named(name, tree) for name in names])
            added = writer.add_bytes(data)
            tree = Fingerprint(kind="dir", digest=added.digest, size_bytes=added.size_bytes)
    return tree


def test_deep_directory_is_listed_and_a_deeper_one_refused(objects: ObjectStore) -> None:
    deepest = _nest(objects, MAX_DEPTH - 1, "d")
    assert list(list_files(objects, deepest, RepoPath("."))) == ["d/" * (MAX_DEPTH - 1) + "x"]
    for n_levels in (MAX_DEPTH, 10_000):
        deeper = _nest(objects, n_levels, "d")
        with pytest.raises(CorruptDataError, match="more than 1024 directories one in another"):
            list_files(objects, deeper, RepoPath("."))


def test_directories_without_end_are_not_listed(objects: ObjectStore) -> None:
    with pytest.raises(CorruptDataError, match="comes too often"):
        list_files(objects, _nest(objects, 64, "a", "b"), RepoPath("."))


def test_same_directory_may_come_often(objects: ObjectStore) -> None:
    assert len(list_files(objects, _nest(objects, 12, "a", "b"), RepoPath("."))) == 4096


def test_whole_directory_is_told_from_one_without_end(objects: ObjectStore) -> None:
    with objects.transaction() as writer:
        writer.add_bytes(b"1")
    assert holds_all(objects, content_of(_nest(objects, 16, "a", "b")))
    for hostile in (_nest(objects, 64, "a", "b"), _nest(objects, 10_000, "d")):
        with pytest.raises(CorruptDataError, match="cannot be listed"):
            holds_all(objects, content_of(hostile))
