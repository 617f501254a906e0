from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mlv.core.run import Content
from mlv.errors import FileChangedError, MlvError
from mlv.store.layout import create_store
from mlv.store.objects import ObjectStore, content_of
from mlv.worktree.fingerprint import fingerprint
from tests.unit.core.builders import content

OLD = b"what it holds at first"
LATER_NS = 10_000_000_000


def _edit(path: Path, number: int) -> None:
    path.write_bytes(b"%0*d" % (len(OLD), number))


def _edit_in_place(path: Path, number: int) -> None:
    found = path.stat()
    with path.open("r+b") as file:
        file.write(b"%d" % number)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def _grow(path: Path, number: int) -> None:
    with path.open("ab") as file:
        file.write(b"%d" % number)


def _shrink(path: Path, number: int) -> None:
    os.truncate(path, len(OLD) - number)


def _replace(path: Path, number: int) -> None:
    other = path.parent.with_name("other")
    other.write_bytes(b"%0*d" % (len(OLD), number))
    other.rename(path)


CHANGES = [_edit, _edit_in_place, _grow, _shrink, _replace]


class Meddler:
    """Changes a file right after it was looked at, and before it is read.

    Args:
        path: The file.
        change: Changes it; the number says for the how-manieth time.
        n_times: How often that is done.
    """

    def __init__(self, path: Path, change: Callable[[Path, int], None], n_times: int) -> None:
        self._path = path
        self._change = change
        self._left = n_times
        self.n_done = 0
        self.seen = [path.read_bytes()]

    def begin(self, monkeypatch: pytest.MonkeyPatch) -> None:
        look, read = os.fstat, os.read

        def meddling_fstat(descriptor: int) -> os.stat_result:
            found = look(descriptor)
            self._meddle(found)
            return found

        def meddling_read(descriptor: int, length: int) -> bytes:
            self._meddle(look(descriptor))
            return read(descriptor, length)

        monkeypatch.setattr(os, "fstat", meddling_fstat)
        monkeypatch.setattr(os, "read", meddling_read)

    def _meddle(self, found: os.stat_result) -> None:
        if self._left and self._path.exists() and os.path.samestat(found, self._path.stat()):
            self._left -= 1
            self.n_done += 1
            self._change(self._path, self.n_done)
            if self._path.exists():
                self.seen.append(self._path.read_bytes())


@pytest.fixture
def objects(tmp_path: Path) -> ObjectStore:
    return ObjectStore(create_store(tmp_path / ".mlv", clone_id="c0ffee"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "file"
    path.parent.mkdir()
    path.write_bytes(OLD)
    return path


def _add(objects: ObjectStore, file: Path) -> Content:
    """Store a file by its name."""
    with objects.transaction() as writer:
        return writer.add_file(file)


def _add_directory(objects: ObjectStore, file: Path) -> Content:
    """Store the directory that a file is in."""
    with objects.transaction() as writer:
        found = fingerprint(file.parent, writer)
    (entry,) = objects.read_tree(content_of(found))
    return content_of(entry)


Add = Callable[[ObjectStore, Path], Content]
WAYS = pytest.mark.parametrize("add", [_add, _add_directory])


@WAYS
@pytest.mark.parametrize("change", CHANGES)
def test_file_that_changes_once_while_read_is_stored_as_it_was_at_one_moment(
    objects: ObjectStore,
    file: Path,
    change: Callable[[Path, int], None],
    add: Add,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    meddler = Meddler(file, change, 1)
    with monkeypatch.context() as patch:
        meddler.begin(patch)
        added = add(objects, file)
    assert meddler.n_done == 1
    assert added in [content(data) for data in meddler.seen]
    assert objects.read(added) in meddler.seen
    assert add(objects, file) == content(file.read_bytes())


@WAYS
@pytest.mark.parametrize("change", CHANGES[:-1])
def test_file_that_changes_each_time_it_is_read_is_refused(
    objects: ObjectStore,
    file: Path,
    change: Callable[[Path, int], None],
    add: Add,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Meddler(file, change, 1000).begin(monkeypatch)
    with pytest.raises(FileChangedError, match=r"'.*file' changed while it was being read"):
        add(objects, file)


@WAYS
def test_file_that_vanishes_while_read_is_stored_whole_or_refused(
    objects: ObjectStore, file: Path, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    def remove(path: Path, _number: int) -> None:
        path.unlink()

    meddler = Meddler(file, remove, 1)
    meddler.begin(monkeypatch)
    try:
        assert objects.read(add(objects, file)) == OLD
    except MlvError as error:
        assert error.exit_code == 3  # noqa: PT017 - either will do
    assert meddler.n_done == 1


@WAYS
def test_same_size_edit_within_the_tick_of_a_clock_is_noticed(
    objects: ObjectStore, file: Path, add: Add
) -> None:
    for number in range(100):
        _edit_in_place(file, number)
        assert add(objects, file) == content(file.read_bytes())


@WAYS
def test_same_size_edit_with_the_mtime_put_back_is_noticed(
    objects: ObjectStore, file: Path, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ns = time.time_ns
    # The cache believes only what was not touched for a while.
    monkeypatch.setattr(time, "time_ns", lambda: now_ns() + LATER_NS)
    assert add(objects, file) == content(OLD)
    before = file.stat()
    while file.stat().st_ctime_ns == before.st_ctime_ns:  # until the clock has ticked
        _edit_in_place(file, 7)
    after = file.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert add(objects, file) == content(file.read_bytes()) != content(OLD)
