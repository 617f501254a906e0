from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mlv.core.paths import RepoPath
from mlv.core.tree import Fingerprint, TreeChange, TreeEntry, diff_listings
from mlv.errors import CorruptDataError, MissingFileError, MissingObjectError
from mlv.store.layout import create_store
from mlv.store.objects import ObjectStore
from mlv.store.trees import list_files
from mlv.worktree.fingerprint import HashCached, HashOnly, find_fingerprint, fingerprint
from mlv.worktree.listing import WorktreeDiff, diff_worktree
from tests.unit.core.builders import CLONE, entry
from tests.unit.core.builders import fingerprint as fingerprint_of

EMPTY_DIRECTORY = TreeEntry(
    name="empty",
    kind="dir",
    digest=fingerprint_of(b"mlv-tree 1\n").digest,
    size_bytes=11,
)


@pytest.fixture
def objects(tmp_path: Path) -> ObjectStore:
    return ObjectStore(create_store(tmp_path / ".mlv", clone_id=CLONE))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    (data / "deep" / "deeper").mkdir(parents=True)
    (data / "a").write_bytes(b"a")
    (data / "deep" / "b").write_bytes(b"b")
    (data / "deep" / "deeper" / "c").write_bytes(b"c")
    (data / "link").symlink_to("deep")
    return data


def _store(objects: ObjectStore, path: Path) -> Fingerprint | None:
    with objects.transaction() as writer:
        return find_fingerprint(path, writer)


def _diff(objects: ObjectStore, path: Path, before: Fingerprint | None) -> WorktreeDiff:
    with objects.transaction() as writer:
        return diff_worktree(path, before, objects, HashCached(writer))


def _change(path: str, before: TreeEntry | None, after: TreeEntry | None) -> TreeChange:
    return TreeChange(path=RepoPath(path), before=before, after=after)


def _replace_by_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "inside").write_bytes(b"i")


def _replace_by_file(path: Path) -> None:
    shutil.rmtree(path)
    path.write_bytes(b"f")


CHANGES: dict[str, tuple[Callable[[Path], object], list[TreeChange]]] = {
    "nothing": (lambda _: None, []),
    "edited": (
        lambda data: (data / "deep" / "b").write_bytes(b"bb"),
        [_change("deep/b", entry("b", b"b"), entry("b", b"bb"))],
    ),
    "made executable": (
        lambda data: (data / "a").chmod(0o755),
        [_change("a", entry("a", b"a"), entry("a", b"a", "exec"))],
    ),
    "added": (
        lambda data: (data / "deep" / "new\n").write_bytes(b"n"),
        [_change(r"deep/new\n", None, entry(r"new\n", b"n"))],
    ),
    "removed": (
        lambda data: shutil.rmtree(data / "deep"),
        [
            _change("deep/b", entry("b", b"b"), None),
            _change("deep/deeper/c", entry("c", b"c"), None),
        ],
    ),
    "moved": (
        lambda data: (data / "deep" / "deeper").rename(data / "moved"),
        [
            _change("deep/deeper/c", entry("c", b"c"), None),
            _change("moved/c", None, entry("c", b"c")),
        ],
    ),
    "file became a directory": (
        lambda data: _replace_by_directory(data / "a"),
        [
            _change("a", entry("a", b"a"), None),
            _change("a/inside", None, entry("inside", b"i")),
        ],
    ),
    "directory became a file": (
        lambda data: _replace_by_file(data / "deep" / "deeper"),
        [
            _change("deep/deeper", None, entry("deeper", b"f")),
            _change("deep/deeper/c", entry("c", b"c"), None),
        ],
    ),
    "empty directory": (
        lambda data: (data / "empty").mkdir(),
        [_change("empty", None, EMPTY_DIRECTORY)],
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changes_are_told_path_by_path(objects: ObjectStore, data: Path, change: str) -> None:
    before = _store(objects, data)
    make, expected = CHANGES[change]
    make(data)
    found = _diff(objects, data, before)
    assert list(found.changes) == expected
    assert found.now == fingerprint(data, HashOnly())


def test_file_is_compared_as_itself(objects: ObjectStore, data: Path) -> None:
    before = _store(objects, data / "a")
    (data / "a").write_bytes(b"after")
    assert _diff(objects, data / "a", before) == WorktreeDiff(
        now=fingerprint_of(b"after"),
        changes=(_change(".", entry(".", b"a"), entry(".", b"after")),),
    )


def test_all_is_new_where_nothing_was(objects: ObjectStore, data: Path) -> None:
    found = _diff(objects, data, None)
    assert [(each.path, each.before) for each in found.changes] == [
        (path, None) for path in ("a", "deep/b", "deep/deeper/c", "link")
    ]


def test_all_is_gone_where_nothing_is(objects: ObjectStore, data: Path) -> None:
    before = _store(objects, data)
    shutil.rmtree(data)
    found = _diff(objects, data, before)
    assert found.now is None
    assert [(each.path, each.after) for each in found.changes] == [
        (path, None) for path in ("a", "deep/b", "deep/deeper/c", "link")
    ]


def test_nothing_stays_nothing(objects: ObjectStore, data: Path) -> None:
    assert _diff(objects, data / "absent", None) == WorktreeDiff(now=None, changes=())


def test_second_look_at_the_same_changes_tells_them_again(objects: ObjectStore, data: Path) -> None:
    before = _store(objects, data)
    (data / "deep" / "b").write_bytes(b"bb")
    assert _diff(objects, data, before) == _diff(objects, data, before)


def test_sink_without_a_cache_will_do(objects: ObjectStore, data: Path) -> None:
    before = _store(objects, data)
    (data / "a").unlink()
    found = diff_worktree(data, before, objects, HashOnly())
    assert found.changes == (_change("a", entry("a", b"a"), None),)


def test_nothing_is_stored(objects: ObjectStore, data: Path) -> None:
    before = _store(objects, data)
    (data / "a").write_bytes(b"after")
    found = _diff(objects, data, before)
    assert found.now is not None
    with pytest.raises(MissingObjectError):
        list_files(objects, found.now, RepoPath("."))


def test_unchanged_directories_are_not_read_from_the_store(
    objects: ObjectStore, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _store(objects, data)
    (data / "new").write_bytes(b"n")
    read = []
    real = ObjectStore.read_tree

    def note(self: ObjectStore, content: object) -> tuple[TreeEntry, ...]:
        read.append(content)
        return real(self, content)  # type: ignore[arg-type]

    monkeypatch.setattr(ObjectStore, "read_tree", note)
    assert [each.path for each in _diff(objects, data, before).changes] == ["new"]
    assert len(read) == 1


@pytest.mark.parametrize("seed", range(8))
def test_changes_are_those_between_two_full_listings(
    objects: ObjectStore, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    fingerprints = []
    for name in ("one", "two"):
        for number in range(60):
            depth = chance.randrange(1, 4)
            parts = [chance.choice("abc") + str(level) for level in range(depth)]
            path = tmp_path.joinpath(name, *parts, f"{number % 20}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(chance.choice((b"x", b"y")))
        fingerprints.append(_store(objects, tmp_path / name))
    one, two = fingerprints
    assert one is not None
    assert two is not None
    listings = [list_files(objects, each, RepoPath(".")) for each in (one, two)]
    assert _diff(objects, tmp_path / "two", one).changes == diff_listings(*listings)


def test_directory_that_vanishes_is_told(objects: ObjectStore, data: Path) -> None:
    class Vanishing(HashOnly):
        def add_file(self, path: Path) -> object:  # type: ignore[override]
            shutil.rmtree(data)
            raise FileNotFoundError(2, "No such file or directory", str(path))

    with pytest.raises(MissingFileError):
        diff_worktree(data, None, objects, Vanishing())  # type: ignore[arg-type]


@pytest.mark.parametrize(("n_levels", "names"), [(10_000, ["d"]), (64, ["d", "e"])])
def test_directories_without_end_are_not_listed(
    objects: ObjectStore, data: Path, n_levels: int, names: list[str]
) -> None:
    with objects.transaction() as writer:
        tree = writer.add_tree([entry("x", b"1")])
        for _ in range(n_levels):
            tree = writer.add_tree(
                TreeEntry(name=name, kind="dir", digest=tree.digest, size_bytes=tree.size_bytes)
                for name in names
            )
    before = Fingerprint(kind="dir", digest=tree.digest, size_bytes=tree.size_bytes)
    with pytest.raises(CorruptDataError, match="cannot be listed"):
        _diff(objects, data, before)
