"""Scans agree with a plain description of a tree, in any number of processes, with any cache."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from mlv.core.digest import digest_of
from mlv.core.paths import escape_name
from mlv.core.tree import Fingerprint, TreeEntry
from mlv.core.tree_buckets import encode_directory
from mlv.core.tree_limits import MAX_DEPTH
from mlv.errors import FileChangedError, UnreadableFileError
from mlv.store.layout import Layout, create_store
from mlv.store.object_writer import ObjectWriter
from mlv.store.objects import ObjectStore, content_of
from mlv.store.packs import PackSet, list_packs
from mlv.store.stable_read import read_small
from mlv.store.stat_cache import StatCache
from mlv.worktree import scan as scan_module
from mlv.worktree import scan_tasks
from mlv.worktree.fingerprint import fingerprint
from mlv.worktree.handles import opened_directory
from mlv.worktree.scan import scan
from mlv.worktree.sinks import HashCached, HashOnly, Sink
from mlv.worktree.temporary import remove_tree
from tests.unit.core.builders import CLONE
from tests.unit.core.builders import fingerprint as fingerprint_of

MIB = 1 << 20


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return create_store(tmp_path / ".mlv", clone_id=CLONE)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every scan take place long after the files were made: ctime cannot be set back."""
    real = time.time_ns
    monkeypatch.setattr("time.time_ns", lambda: real() + 3_600_000_000_000)


@pytest.fixture
def always_parallel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_module, "_MANY_NAMES", 0)


@contextmanager
def _writer(layout: Layout) -> Iterator[ObjectWriter]:
    packs = PackSet(layout)

    def names() -> list[str]:
        return [str(path) for path in list_packs(layout)]

    with closing(StatCache(layout.cache / "stat.sqlite", list_packs=names)) as cache:
        writer = ObjectWriter(layout, packs, cache)
        yield writer
        writer.publish()
        cache.save()


def _scan(path: Path, sink: Sink, *, n_workers: int = 1) -> Fingerprint:
    found = scan(os.fsencode(path), sink, n_workers=n_workers).root.found
    assert found is not None
    return found


def _hash(layout: Layout, path: Path, *, n_workers: int = 1) -> Fingerprint:
    with _writer(layout) as writer:
        return _scan(path, HashCached(writer), n_workers=n_workers)


def _store(layout: Layout, path: Path, *, n_workers: int = 1) -> Fingerprint:
    with _writer(layout) as writer:
        return _scan(path, writer, n_workers=n_workers)


def _describe(path: Path) -> Fingerprint:
    """Return the fingerprint of a path in the plainest way."""
    if path.is_symlink():
        return fingerprint_of(os.fsencode(path.readlink()), "link")
    if path.is_file():
        return fingerprint_of(path.read_bytes(), "exec" if path.stat().st_mode & 0o100 else "file")
    inner = {each.name: _describe(each) for each in path.iterdir()}
    entries = [
        TreeEntry(
            name=escape_name(os.fsencode(name)),
            kind=each.kind,
            digest=each.digest,
            size_bytes=each.size_bytes,
        )
        for name, each in inner.items()
    ]
    tree = encode_directory(entries).data
    return Fingerprint(
        kind="dir",
        digest=digest_of(tree),
        size_bytes=len(tree),
        n_files=sum(each.n_files for each in inner.values()),
        total_bytes=sum(each.content_bytes for each in inner.values()),
    )


def _assert_stored(objects: ObjectStore, found: Fingerprint) -> None:
    """Read everything below a fingerprint."""
    for entry in objects.read_tree(content_of(found)):
        if entry.kind == "dir":
            _assert_stored(
                objects, Fingerprint(kind="dir", digest=entry.digest, size_bytes=entry.size_bytes)
            )
        else:
            objects.verify(content_of(entry))


def _fill(directory: Path, chance: random.Random, depth: int = 3) -> None:
    for number in range(chance.randrange(9)):
        path = directory / chance.choice(
            (f"{number}", f"ü{number}", os.fsdecode(b"\xff%d" % number))
        )
        if os.path.lexists(path):
            continue
        kind = chance.choice(("dir", "dir", "link", "exec", "file", "file", "file"))
        if kind == "dir" and depth:
            path.mkdir()
            _fill(path, chance, depth - 1)
        elif kind == "link":
            path.symlink_to(chance.choice(("a", "..", "/etc/passwd")))
        else:
            path.write_bytes(chance.randbytes(chance.choice((0, 1, 10, 20, 600_000))))
            path.chmod(0o755 if kind == "exec" else 0o644)


def _change(directory: Path, chance: random.Random) -> None:
    """Change about a tenth of what is there."""
    for path in sorted(directory.rglob("*")):
        if not os.path.lexists(path) or chance.random() > 0.1:
            continue
        if path.is_symlink() or path.is_file():
            path.unlink()
            if chance.random() < 0.7:
                path.write_bytes(chance.randbytes(7))
        elif chance.random() < 0.5:
            path.rename(path.with_name(f"{chance.randrange(1000)}-moved"))
        else:
            _fill(path, chance, 1)


@pytest.mark.usefixtures("later", "always_parallel")
@pytest.mark.parametrize("seed", range(8))
def test_scan_finds_what_is_there_however_it_is_done(layout: Layout, data: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    (data / "some").mkdir()
    _fill(data / "some", chance)
    for _ in range(3):
        expected = _describe(data)
        for n_workers in (1, 2, 3):
            assert _scan(data, HashOnly(), n_workers=n_workers) == expected
            assert _hash(layout, data, n_workers=n_workers) == expected
            assert _store(layout, data, n_workers=n_workers) == expected
        _assert_stored(ObjectStore(layout), expected)
        _change(data, chance)


@pytest.mark.usefixtures("always_parallel")
@pytest.mark.parametrize("n_workers", [1, 2])
def test_directory_of_many_names_is_cut_into_parts(
    layout: Layout, data: Path, monkeypatch: pytest.MonkeyPatch, n_workers: int
) -> None:
    monkeypatch.setattr(scan_tasks, "PART_NAMES", 10)
    monkeypatch.setattr(scan_tasks, "MOST_NAMES", 20)
    monkeypatch.setattr("mlv.worktree.scan_directory.MOST_NAMES", 20)
    for number in range(300):
        (data / f"{number:03}").write_bytes(b"%d" % number)
    (data / "150").unlink()
    (data / "150").mkdir()
    (data / "150" / "inside").write_bytes(b"x")
    assert _store(layout, data, n_workers=n_workers) == _describe(data)
    with _writer(layout) as writer:
        parts = writer.cache.directories.list_parts(os.fsencode(data))
    assert len(parts) == 30

    for number in range(50, 90):
        (data / f"{number:03}").unlink()
    (data / "000-new").write_bytes(b"new")
    (data / "zzz").write_bytes(b"last")
    for number in range(25):
        (data / f"120-{number:02}").write_bytes(b"more")

    assert _store(layout, data, n_workers=n_workers) == _describe(data)
    with _writer(layout) as writer:
        now = writer.cache.directories.list_parts(os.fsencode(data))
    assert set(parts) - set(now) == {b"050", b"060", b"070", b"080"}
    assert len(set(now) - set(parts)) == 3
    _assert_stored(ObjectStore(layout), _describe(data))


def test_directory_of_more_than_4096_files_is_the_same_in_parts(layout: Layout, data: Path) -> None:
    for number in range(scan_tasks.MOST_NAMES + 1):
        (data / f"{number}").touch()
    expected = _describe(data)
    assert _scan(data, HashOnly(), n_workers=1) == expected
    assert _hash(layout, data, n_workers=2) == expected
    assert _hash(layout, data, n_workers=2) == expected


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("sink", [_hash, _store])
def test_unchanged_file_is_not_read_again(
    layout: Layout, data: Path, monkeypatch: pytest.MonkeyPatch, sink: object
) -> None:
    assert callable(sink)
    (data / "deep").mkdir()
    for path in (data / "a", data / "deep" / "b"):
        path.write_bytes(b"content")
    before = sink(layout, data)

    def refuse(*_: object) -> None:
        message = "a file was read"
        raise AssertionError(message)

    monkeypatch.setattr("mlv.worktree.scan_file.read_small", refuse)
    assert sink(layout, data) == before
    (data / "deep" / "b").write_bytes(b"changed")
    with pytest.raises(AssertionError, match="a file was read"):
        sink(layout, data)


@pytest.mark.usefixtures("later")
def test_only_what_changed_is_read(
    layout: Layout, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        (data / f"{number}").write_bytes(b"before")
    _store(layout, data)
    (data / "7").write_bytes(b"after!")
    (data / "new").write_bytes(b"new")
    read = []

    def note(name: str, directory: int, size_bytes: int, state: bytes) -> bytes | None:
        read.append(name)
        return read_small(name, directory, size_bytes, state)

    monkeypatch.setattr("mlv.worktree.scan_file.read_small", note)
    assert _store(layout, data) == _describe(data)
    assert read == ["7", "new"]


def test_same_size_edit_with_the_mtime_put_back_is_noticed(layout: Layout, data: Path) -> None:
    path = data / "file"
    path.write_bytes(b"before")
    before = path.stat()
    _hash(layout, data)
    while path.stat().st_ctime_ns == before.st_ctime_ns:  # the clock may be coarse
        path.write_bytes(b"after!")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert _hash(layout, data) == _describe(data)


def test_file_that_was_touched_a_moment_ago_is_read_again(
    layout: Layout, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data / "file").write_bytes(b"before")
    _hash(layout, data)
    monkeypatch.setattr("mlv.worktree.scan_file.read_small", lambda *_: b"other!")
    assert _hash(layout, data) != _describe(data)


@pytest.mark.usefixtures("later")
def test_what_was_only_hashed_is_stored_afterwards(layout: Layout, data: Path) -> None:
    (data / "deep").mkdir()
    (data / "deep" / "file").write_bytes(b"content")
    (data / "link").symlink_to("deep")
    expected = _hash(layout, data)
    assert _store(layout, data) == expected
    _assert_stored(ObjectStore(layout), expected)


@pytest.mark.usefixtures("later")
def test_what_was_stored_is_stored_again_when_its_pack_has_gone(layout: Layout, data: Path) -> None:
    (data / "deep").mkdir()
    (data / "deep" / "file").write_bytes(b"content")
    expected = _store(layout, data)
    for pack in list_packs(layout):
        pack.unlink()
    assert _store(layout, data) == expected
    _assert_stored(ObjectStore(layout), expected)


@pytest.mark.usefixtures("later", "always_parallel")
@pytest.mark.parametrize("n_workers", [1, 2])
def test_files_of_every_size_are_taken(
    layout: Layout, data: Path, monkeypatch: pytest.MonkeyPatch, n_workers: int
) -> None:
    monkeypatch.setattr(scan_module, "_TASK_BYTES", MIB)
    monkeypatch.setattr(scan_tasks, "LARGE_BYTES", 3 * MIB)
    monkeypatch.setattr("mlv.worktree.assembly.LARGE_BYTES", 3 * MIB)
    monkeypatch.setattr(scan_tasks, "_READ_BYTES", 2 * MIB)
    chance = random.Random(1)  # noqa: S311 - not for secrets
    for name in ("one", "two"):
        (data / name).mkdir()
        for number, size in enumerate((0, 4096, MIB // 2, MIB // 2 + 1, MIB, 2 * MIB, 5 * MIB)):
            (data / name / f"{number}").write_bytes(chance.randbytes(size))
    expected = _describe(data)
    assert _store(layout, data, n_workers=n_workers) == expected
    _assert_stored(ObjectStore(layout), expected)
    assert _store(layout, data, n_workers=n_workers) == expected


def test_directories_may_lie_deeper_than_a_path_may_be_long(layout: Layout, data: Path) -> None:
    names = ["d" * 200] * 60
    here = os.open(data, os.O_RDONLY)
    for name in names:
        os.mkdir(name, dir_fd=here)
        inner = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=here))
    with os.fdopen(os.open("large", os.O_WRONLY | os.O_CREAT, dir_fd=here), "wb") as file:
        file.write(bytes(MIB))
    os.close(here)

    found = _store(layout, data)

    objects = ObjectStore(layout)
    tree = content_of(found)
    for name in names:
        (entry,) = objects.read_tree(tree)
        assert (entry.name, entry.kind) == (name, "dir")
        tree = content_of(entry)
    file_entry, large_entry = objects.read_tree(tree)
    assert (file_entry.name, file_entry.digest) == ("file", digest_of(b""))
    assert (large_entry.name, large_entry.digest) == ("large", digest_of(bytes(MIB)))
    assert (found.n_files, found.total_bytes) == (2, MIB)
    assert _store(layout, data) == found


@pytest.mark.usefixtures("always_parallel")
@pytest.mark.parametrize("n_workers", [1, 2])
def test_progress_is_told_of_every_file(data: Path, n_workers: int) -> None:
    for name in ("one", "two", "three"):
        (data / name).mkdir()
        for number in range(10):
            (data / name / f"{number}").write_bytes(b"12345")
    told: list[tuple[int, int]] = []
    scan(
        os.fsencode(data),
        HashOnly(),
        progress=lambda n_files, n_bytes: told.append((n_files, n_bytes)),
        n_workers=n_workers,
    )
    assert [sum(column) for column in zip(*told, strict=True)] == [30, 150]


@pytest.mark.usefixtures("always_parallel")
@pytest.mark.parametrize("n_workers", [1, 2])
def test_name_that_cannot_be_stored_is_told_with_its_directory(data: Path, n_workers: int) -> None:
    for name in ("one", "two", "three"):
        (data / name / "inner").mkdir(parents=True)
    (data / "two" / "inner" / ".GIT").touch()
    with pytest.raises(UnreadableFileError) as caught:
        _scan(data, HashOnly(), n_workers=n_workers)
    path = str(data / "two" / "inner")
    assert caught.value.message == (
        f"the directory {path!r} cannot be stored: '.GIT' cannot be the name of a file in a tree"
    )


def test_file_that_never_rests_is_refused(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (data / "file").write_bytes(b"content")
    monkeypatch.setattr("mlv.worktree.scan_file.read_small", lambda *_: None)
    with pytest.raises(FileChangedError) as caught:
        fingerprint(data, HashOnly())
    path = str(data / "file")
    assert caught.value.message == f"{path!r} changed while it was being read"


@pytest.mark.usefixtures("later")
def test_directory_that_is_gone_is_forgotten(layout: Layout, data: Path) -> None:
    (data / "gone" / "inner").mkdir(parents=True)
    _hash(layout, data)
    (data / "gone" / "inner").rmdir()
    (data / "gone").rmdir()
    _hash(layout, data)
    with _writer(layout) as writer:
        known = [
            path
            for path in (data, data / "gone", data / "gone" / "inner")
            if writer.cache.directories.find(os.fsencode(path), b"") is not None
        ]
    assert known == [data]


@pytest.mark.usefixtures("always_parallel")
@pytest.mark.parametrize("n_workers", [1, 2])
def test_tree_of_long_names_may_be_larger_than_a_small_object(
    layout: Layout, data: Path, n_workers: int
) -> None:
    for directory in ("one", "two"):
        (data / directory).mkdir()
        for number in range(1700):
            (data / directory / f"{number:0255}").touch()
    found = _store(layout, data, n_workers=n_workers)
    assert found == _describe(data)
    _assert_stored(ObjectStore(layout), found)


class Linking(HashOnly):
    """A sink for whom links into a directory stand for files."""

    def __init__(self, directory: Path) -> None:
        self.links_to = os.fsencode(directory)


@pytest.mark.parametrize("relative", [False, True])
def test_link_to_an_object_stands_for_a_file(data: Path, tmp_path: Path, *, relative: bool) -> None:
    content = b"content"
    digest = digest_of(content)
    target = tmp_path / "objects" / digest[:2] / digest[2:]
    target.parent.mkdir(parents=True)
    target.write_bytes(content)
    (data / "deep").mkdir()
    shown = os.path.relpath(target, data / "deep") if relative else str(target)
    (data / "deep" / "file").symlink_to(shown)
    sink = Linking(tmp_path / "objects")

    found = _scan(data, sink)

    assert fingerprint(data / "deep" / "file", sink) == fingerprint_of(content)
    assert (found.n_files, found.total_bytes) == (1, len(content))
    (data / "deep" / "file").unlink()
    (data / "deep" / "file").write_bytes(content)
    assert _scan(data, sink) == found


def test_link_to_an_object_that_is_gone_is_refused(data: Path, tmp_path: Path) -> None:
    digest = digest_of(b"content")
    (data / "file").symlink_to(tmp_path / "objects" / digest[:2] / digest[2:])
    sink = Linking(tmp_path / "objects")
    path = str(data / "file")
    for place in (data, data / "file"):
        with pytest.raises(UnreadableFileError) as caught:
            fingerprint(place, sink)
        assert caught.value.message == f"{path!r} is a link to an object that is not in the store"


def test_links_elsewhere_stay_links(data: Path, tmp_path: Path) -> None:
    (tmp_path / "objects").mkdir()
    for name, target in (("a", "objects"), ("b", "objects/ab"), ("c", "objects/ab/cd")):
        (data / name).symlink_to(tmp_path / target)
    assert _scan(data, Linking(tmp_path / "objects")) == _describe(data)


def test_directories_too_deep_to_be_checked_out_are_refused(data: Path) -> None:
    def nest(n_levels: int) -> None:
        handle = os.open(data, os.O_RDONLY)
        for _ in range(n_levels):
            with suppress(FileExistsError):
                os.mkdir("d", dir_fd=handle)
            inner = os.open("d", os.O_RDONLY, dir_fd=handle)
            os.close(handle)
            handle = inner
        os.close(handle)

    nest(MAX_DEPTH - 1)
    assert scan(os.fsencode(data), HashOnly()).root.found is not None
    nest(MAX_DEPTH)
    with pytest.raises(UnreadableFileError, match="more than 1024 directories one in another"):
        scan(os.fsencode(data), HashOnly())
    with opened_directory(data, []) as directory:
        remove_tree(b"d", directory)  # pytest itself cannot
