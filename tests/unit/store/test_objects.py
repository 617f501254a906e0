from __future__ import annotations

import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from mlv.core.digest import digest_of
from mlv.core.run import Content, Metric, ParamSource
from mlv.core.tree import encode_tree
from mlv.errors import CorruptDataError, MissingObjectError, StorageError
from mlv.store.layout import Layout
from mlv.store.objects import ObjectStore, ObjectWriter, content_of
from tests.unit.core.builders import content, entry, fingerprint

BIG = bytes(range(256)) * 10_000
METRIC = Metric(value=0.5, source="api")


def _add(objects: ObjectStore, data: bytes) -> Content:
    with objects.transaction() as writer:
        return writer.add_bytes(data)


def _overwrite(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


@pytest.mark.parametrize("data", [b"", b"small", BIG], ids=["empty", "small", "big"])
@pytest.mark.parametrize("way", ["bytes", "stream", "file"])
def test_object_reads_back(objects: ObjectStore, tmp_path: Path, data: bytes, way: str) -> None:
    path = tmp_path / "source"
    path.write_bytes(data)
    with objects.transaction() as writer:
        add: dict[str, Callable[[], Content]] = {
            "bytes": lambda: writer.add_bytes(data),
            "stream": lambda: writer.add_stream(BytesIO(data)),
            "file": lambda: writer.add_file(path),
        }
        added = add[way]()
    assert added == content(data)
    assert objects.contains(added)
    assert objects.read(added) == data
    assert max(map(len, objects.stream(added)), default=0) <= 1 << 20


def test_object_is_a_read_only_file_and_nothing_else_stays(
    objects: ObjectStore, layout: Layout
) -> None:
    added = _add(objects, b"data")
    path = layout.object_file(added.digest)
    assert path.stat().st_mode & 0o777 == 0o444
    assert path.stat().st_nlink == 1
    assert [each for each in layout.objects.rglob("*") if each.is_file()] == [path]
    assert list(layout.temporary.iterdir()) == []


def test_object_that_is_there_is_not_written_again(objects: ObjectStore, layout: Layout) -> None:
    added = _add(objects, b"data")
    before = layout.object_file(added.digest).stat()
    assert _add(objects, b"data") == added
    after = layout.object_file(added.digest).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("damaged", [b"", b"dat", b"data and more"])
def test_object_of_the_wrong_size_is_replaced_and_kept_in_quarantine(
    objects: ObjectStore, layout: Layout, damaged: bytes
) -> None:
    added = _add(objects, b"data")
    _overwrite(layout.object_file(added.digest), damaged)
    assert not objects.contains(added)
    _add(objects, b"data")
    assert objects.read(added) == b"data"
    (away,) = layout.quarantine.iterdir()
    assert away.name.startswith(f"{added.digest}.")
    assert away.read_bytes() == damaged


def test_missing_object_is_named(objects: ObjectStore) -> None:
    absent = content(b"absent")
    assert not objects.contains(absent)
    with pytest.raises(MissingObjectError) as caught:
        objects.read(absent)
    assert caught.value.message == f"object {absent.digest[:12]} is not in the store"


@pytest.mark.parametrize("damaged", [b"", b"dat", b"Data", b"data and more"])
def test_damaged_object_is_never_handed_out(
    objects: ObjectStore, layout: Layout, damaged: bytes
) -> None:
    added = _add(objects, b"data")
    path = layout.object_file(added.digest)
    _overwrite(path, damaged)
    with pytest.raises(CorruptDataError) as caught:
        objects.read(added)
    short = added.digest[:12]
    assert caught.value.message == f"object {short} is damaged: its bytes have another digest"
    assert caught.value.hint == (
        f"restore {path} from a backup, or `mv {path} {layout.quarantine}` and record the run again"
    )


def test_object_that_is_a_directory_is_a_storage_error(
    objects: ObjectStore, layout: Layout
) -> None:
    absent = content(b"absent")
    layout.object_file(absent.digest).mkdir(parents=True)
    with pytest.raises(StorageError, match=f"cannot read object {absent.digest[:12]}"):
        objects.read(absent)


def test_record_reads_back(objects: ObjectStore) -> None:
    with objects.transaction() as writer:
        added = writer.add_record(METRIC)
    assert objects.read(added) == b'{"source":"api","value":0.5}'
    assert objects.read_record(added, Metric) == METRIC


def test_record_of_another_type_is_corrupt(objects: ObjectStore) -> None:
    with objects.transaction() as writer:
        added = writer.add_record(METRIC)
    with pytest.raises(CorruptDataError, match="cannot be read: not a ParamSource") as caught:
        objects.read_record(added, ParamSource)
    assert caught.value.hint == "upgrade mlv, if a newer one wrote it"


def test_tree_reads_back(objects: ObjectStore) -> None:
    entries = (entry("a"), entry("b", b"x", "exec"))
    added = _add(objects, encode_tree(entries))
    assert objects.read_tree(added) == entries


@pytest.mark.parametrize("data", [b"", b"mlv-tree 1\nnonsense\n", b"mlv-tree 1\n\xff\n"])
def test_object_that_is_no_tree_is_corrupt(objects: ObjectStore, data: bytes) -> None:
    with pytest.raises(CorruptDataError, match="cannot be read: "):
        objects.read_tree(_add(objects, data))


@pytest.mark.parametrize("data", ["directory", "missing"])
def test_file_that_cannot_be_read_publishes_nothing(
    objects: ObjectStore, layout: Layout, tmp_path: Path, data: str
) -> None:
    (tmp_path / "directory").mkdir()

    def add(writer: ObjectWriter) -> None:
        writer.add_file(tmp_path / data)

    with pytest.raises(StorageError, match="cannot write to the store"), objects.transaction() as w:
        add(w)
    assert list(layout.objects.iterdir()) == list(layout.temporary.iterdir()) == []


def test_transaction_syncs_every_directory_that_it_touched(
    objects: ObjectStore, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = set()
    fsync = os.fsync

    def note(descriptor: int) -> None:
        synced.add(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    with objects.transaction() as writer:
        one, two = writer.add_bytes(b"1"), writer.add_bytes(b"2")
        assert synced == set()
    touched = {layout.object_file(each.digest).parent for each in (one, two)} | {layout.objects}
    assert synced == {directory.stat().st_ino for directory in touched}


@pytest.fixture
def old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that was written long ago, as the stat cache sees it."""
    path = tmp_path / "data.bin"
    path.write_bytes(b"data")
    monkeypatch.setattr("time.time_ns", lambda: path.stat().st_ctime_ns + 3_000_000_000)
    return path


def test_file_that_did_not_change_is_not_read_again(
    objects: ObjectStore, old_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise AssertionError

    with objects.transaction() as writer:
        added = writer.add_file(old_file)
    monkeypatch.setattr("mlv.store.objects.read_stable", refuse)
    with objects.transaction() as writer:
        assert writer.add_file(old_file) == added == content(b"data")


def test_file_that_did_not_change_is_not_hashed_again(
    objects: ObjectStore, old_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise AssertionError

    with objects.transaction() as writer:
        hashed = writer.hash_file(old_file)
    monkeypatch.setattr("mlv.store.objects.hash_file", refuse)
    with objects.transaction() as writer:
        assert writer.hash_file(old_file) == hashed == content(b"data")


def test_file_that_was_hashed_is_not_taken_for_stored(objects: ObjectStore, old_file: Path) -> None:
    with objects.transaction() as writer:
        hashed = writer.hash_file(old_file)
    assert not objects.contains(hashed)
    with objects.transaction() as writer:
        assert writer.add_file(old_file) == hashed
    assert objects.read(hashed) == b"data"


@pytest.mark.parametrize("damaged", [None, b"dat"])
def test_file_that_did_not_change_is_read_when_its_object_is_gone(
    objects: ObjectStore, layout: Layout, old_file: Path, damaged: bytes | None
) -> None:
    with objects.transaction() as writer:
        added = writer.add_file(old_file)
    path = layout.object_file(added.digest)
    path.unlink()
    if damaged is not None:
        path.write_bytes(damaged)
    with objects.transaction() as writer:
        assert writer.add_file(old_file) == added
    assert objects.read(added) == b"data"


def test_content_of_a_fingerprint_is_its_object() -> None:
    expected = Content(digest=digest_of(b"data"), size_bytes=4)
    assert content_of(fingerprint(b"data", "exec")) == expected
