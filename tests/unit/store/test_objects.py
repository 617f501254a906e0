from __future__ import annotations

import os
import stat
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from mlv.core.digest import digest_of
from mlv.core.run import Content, Metric, ParamSource
from mlv.core.tree import MAX_PLAIN_ENTRIES, encode_tree
from mlv.errors import CorruptDataError, MissingObjectError, StorageError
from mlv.store import merge_packs, pack_writer, packs
from mlv.store.layout import Layout
from mlv.store.lock import is_store_idle
from mlv.store.object_writer import ObjectWriter
from mlv.store.objects import ObjectStore, content_of
from mlv.store.pack_file import PackFile
from mlv.store.pack_format import RECIPE
from mlv.store.packs import list_packs
from mlv.store.whole import WholeObjects
from tests.support.stored_objects import damage_object
from tests.unit.core.builders import content, entry, fingerprint
from tests.unit.store.pack_builders import key, make_pack, noise, rewrite

BIG = noise(5 << 20)
METRIC = Metric(value=0.5, source="api")


def _add(objects: ObjectStore, data: bytes) -> Content:
    with objects.transaction() as writer:
        return writer.add_bytes(data)


def _add_whole(layout: Layout, data: bytes) -> Path:
    """Store a whole object beside what is in packs."""
    added = WholeObjects(layout).write(BytesIO(data))
    return layout.object_file(added.digest)


def _packs(layout: Layout) -> list[PackFile]:
    return [PackFile(path) for path in list_packs(layout)]


def _overwrite(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


@pytest.fixture
def small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packs that are full with a few objects, and are not merged."""
    monkeypatch.setattr(pack_writer, "MAX_PACK_BYTES", 4096)
    monkeypatch.setattr(merge_packs, "MOST_SMALL_PACKS", 1000)


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
    assert max(map(len, objects.stream(added)), default=0) <= 2 << 20
    objects.verify(added)


def test_objects_of_one_transaction_are_in_one_pack(objects: ObjectStore, layout: Layout) -> None:
    with objects.transaction() as writer:
        added = [writer.add_bytes(b"%d" % number) for number in range(100)]
    (pack,) = _packs(layout)
    assert len(pack.index) == 100
    assert [objects.read(each) for each in added] == [b"%d" % number for number in range(100)]
    assert list(layout.temporary.iterdir()) == list(layout.objects.iterdir()) == []


def test_object_that_is_there_is_not_written_again(objects: ObjectStore, layout: Layout) -> None:
    added = _add(objects, b"data")
    before = list(list_packs(layout))
    assert _add(objects, b"data") == _add(ObjectStore(layout), b"data") == added
    assert list(list_packs(layout)) == before


@pytest.mark.parametrize("data", [b"data", BIG], ids=["small", "big"])
def test_whole_object_is_not_packed(objects: ObjectStore, layout: Layout, data: bytes) -> None:
    _add_whole(layout, data)
    added = _add(objects, data)
    assert not any(key(data) in pack.index.digests() for pack in _packs(layout))
    assert objects.contains(added)
    assert b"".join(objects.stream(added)) == data


def test_object_that_comes_twice_in_a_transaction_is_written_once(
    objects: ObjectStore, layout: Layout
) -> None:
    with objects.transaction() as writer:
        for data in (b"data", BIG, b"data", BIG):
            writer.add_bytes(data)
    (pack,) = _packs(layout)
    assert len(pack.index) == len(list(pack.scan()))


def test_transaction_inside_another_is_part_of_it(objects: ObjectStore, layout: Layout) -> None:
    with objects.transaction() as outer:
        one = outer.add_bytes(b"1")
        with objects.transaction() as inner:
            assert inner is outer
            two = inner.add_bytes(b"2")
        assert list(list_packs(layout)) == []
        was_writing = objects.is_writing
    assert (was_writing, objects.is_writing) == (True, False)
    assert [objects.read(each) for each in (one, two)] == [b"1", b"2"]
    assert len(_packs(layout)) == 1


def _add_and_fail(objects: ObjectStore, *blobs: bytes) -> None:
    with objects.transaction() as writer:
        for data in blobs:
            writer.add_bytes(data)
        raise KeyError


@pytest.mark.parametrize("data", [b"data", BIG], ids=["small", "big"])
def test_transaction_that_fails_leaves_nothing(
    objects: ObjectStore, layout: Layout, data: bytes
) -> None:
    with pytest.raises(KeyError):
        _add_and_fail(objects, data)
    for store in (objects, ObjectStore(layout)):
        assert not store.contains(content(data))
        with pytest.raises(MissingObjectError):
            store.read(content(data))
    assert list(layout.packs.iterdir()) == list(layout.temporary.iterdir()) == []
    assert _add(objects, data) == content(data)
    assert objects.read(content(data)) == data


def test_transaction_that_fails_forgets_the_files_that_it_read(
    objects: ObjectStore, old_file: Path
) -> None:
    def add_and_fail() -> None:
        with objects.transaction() as writer:
            writer.add_file(old_file)
            raise KeyError

    with pytest.raises(KeyError):
        add_and_fail()
    with objects.transaction() as writer:
        added = writer.add_file(old_file)
    assert objects.read(added) == b"data"


@pytest.mark.parametrize("data", [b"", b"data", noise(300_000), BIG])
def test_object_is_read_back_inside_its_transaction(objects: ObjectStore, data: bytes) -> None:
    with objects.transaction() as writer:
        writer.add_bytes(b"before")
        assert not objects.contains(content(data))
        added = writer.add_bytes(data)
        assert objects.contains(added)
        assert objects.read(added) == b"".join(objects.stream(added)) == data
        after = writer.add_bytes(b"after")
    assert [objects.read(each) for each in (added, after)] == [data, b"after"]


@pytest.mark.usefixtures("small_packs")
def test_object_of_a_full_pack_is_read_back_inside_its_transaction(objects: ObjectStore) -> None:
    blobs = [noise(1000, seed) for seed in range(30)]
    with objects.transaction() as writer:
        added = [writer.add_bytes(data) for data in blobs]
        assert [objects.read(each) for each in added] == blobs
    assert [objects.read(each) for each in added] == blobs


def test_store_is_held_while_something_is_added(objects: ObjectStore, layout: Layout) -> None:
    with objects.hold():
        assert not is_store_idle(layout)
        with objects.transaction() as writer:
            added = writer.add_bytes(b"data")
            with objects.hold():
                pass
            assert not is_store_idle(layout)
        assert not is_store_idle(layout)
        assert objects.read(added) == b"data"
    assert is_store_idle(layout)


def test_store_is_not_held_after_a_failure(objects: ObjectStore, layout: Layout) -> None:
    with pytest.raises(KeyError):
        _add_and_fail(objects, b"data")
    assert is_store_idle(layout)
    with pytest.raises(KeyError), objects.hold():
        raise KeyError
    assert is_store_idle(layout)


def test_reading_takes_no_lock(objects: ObjectStore, layout: Layout) -> None:
    added = _add(objects, b"data")
    layout.lock.unlink()
    assert objects.read(added) == b"data"
    assert not layout.lock.exists()


def test_what_another_process_added_is_found(objects: ObjectStore, layout: Layout) -> None:
    objects.load_locations()
    added = _add(ObjectStore(layout), b"data")
    assert objects.contains(added)
    assert objects.read(added) == b"data"


@pytest.mark.parametrize("loaded", [False, True])
def test_object_is_read_although_its_pack_was_merged_meanwhile(
    objects: ObjectStore, layout: Layout, *, loaded: bool
) -> None:
    added = [_add(ObjectStore(layout), data) for data in (b"1", b"2", BIG)]
    if loaded:
        objects.load_locations()
    else:
        assert objects.contains(added[0])
    assert merge_packs.merge_small_packs(layout) == 2
    assert [objects.read(each) for each in added] == [b"1", b"2", BIG]


def test_worker_publishes_packs_of_its_own(objects: ObjectStore, layout: Layout) -> None:
    with objects.transaction() as parent:
        parent.add_bytes(b"parent")
        with parent.in_worker() as worker:
            worker.add_bytes(b"parent")
            worker.add_bytes(b"child")
            worker.add_bytes(BIG)
        (pack,) = _packs(layout)
        assert key(b"child") in pack.index.digests()
        assert key(b"parent") not in pack.index.digests()
    for data in (b"parent", b"child", BIG):
        assert objects.read(content(data)) == data


def test_worker_that_fails_publishes_nothing(objects: ObjectStore, layout: Layout) -> None:
    def work(parent: ObjectWriter) -> None:
        with parent.in_worker() as worker:
            worker.add_bytes(b"child")
            raise KeyError

    with objects.transaction() as parent, pytest.raises(KeyError):
        work(parent)
    assert list(layout.packs.iterdir()) == list(layout.temporary.iterdir()) == []


@pytest.mark.parametrize("kept", ["pack", "whole object"])
@pytest.mark.parametrize("data", [b"data", BIG], ids=["small", "big"])
def test_damaged_object_is_read_from_another_place(
    objects: ObjectStore, layout: Layout, data: bytes, kept: str
) -> None:
    added = _add(objects, data)
    (pack,) = _packs(layout)
    damage_object(layout.root, added.digest)
    with pytest.raises(CorruptDataError):
        ObjectStore(layout).read(added)
    if kept == "whole object":
        _add_whole(layout, data)
    else:
        other = pack.path.with_name("f" * 62)
        pack.path.rename(other)
        _add(ObjectStore(layout), data) if data == BIG else make_pack(layout, data)
    assert ObjectStore(layout).read(added) == data


@pytest.mark.parametrize("data", [b"data", BIG], ids=["small", "big"])
def test_damaged_whole_object_is_read_from_a_pack(
    objects: ObjectStore, layout: Layout, data: bytes
) -> None:
    added = _add(objects, data)
    _overwrite(_add_whole(layout, data), b"?" * len(data))
    assert objects.read(added) == data


def test_damaged_chunk_is_read_from_the_whole_object(objects: ObjectStore, layout: Layout) -> None:
    added = _add(objects, BIG)
    _add_whole(layout, BIG)
    (pack,) = _packs(layout)
    chunks = [each for each in pack.scan() if each.kind != RECIPE]
    damage_object(layout.root, chunks[1].digest.hex())
    assert ObjectStore(layout).read(added) == BIG


def test_edited_whole_object_does_not_count_as_stored(objects: ObjectStore, layout: Layout) -> None:
    """Somebody edited the file that shares its bytes, and now stores the good content again."""
    path = _add_whole(layout, b"good")
    _overwrite(path, b"edit")
    assert objects.read(_add(objects, b"good")) == b"good"


def test_two_workers_store_equal_content_once(objects: ObjectStore, layout: Layout) -> None:
    with objects.transaction() as parent, parent.with_workers():
        for _ in range(2):
            with parent.in_worker() as worker:
                worker.add_bytes(b"same")
                worker.add_bytes(BIG)
    added = [digest for pack in _packs(layout) for digest in pack.index.digests()]
    chunks = [digest for digest in added if digest != key(BIG)]
    assert len(chunks) == len(set(chunks))


def test_blob_whose_chunk_is_lost_is_stored_again(
    objects: ObjectStore, layout: Layout, old_file: Path
) -> None:
    """A recipe may outlive its chunks, in a pack that holds much else: it proves nothing."""
    old_file.write_bytes(BIG)
    with objects.transaction() as writer:
        added = writer.add_file(old_file)
    (pack,) = _packs(layout)
    recipe = next(each for each in pack.scan() if each.kind == RECIPE)
    writer_of_recipe = pack_writer.PackWriter(layout)
    writer_of_recipe.add_recipe(recipe.digest, recipe.size, pack.read(recipe))
    writer_of_recipe.publish()
    pack.path.unlink()
    again = ObjectStore(layout)
    with pytest.raises(MissingObjectError):
        again.read(added)
    with again.transaction() as writer:
        assert writer.add_file(old_file) == added
    assert again.read(added) == BIG


def test_missing_object_is_named(objects: ObjectStore) -> None:
    absent = content(b"absent")
    assert not objects.contains(absent)
    with pytest.raises(MissingObjectError) as caught:
        objects.read(absent)
    assert caught.value.message == f"object {absent.digest[:12]} is not in the store"


@pytest.mark.parametrize("data", [b"data", b"data" * 100, BIG], ids=["raw", "zstd", "big"])
def test_damaged_object_is_never_handed_out(
    objects: ObjectStore, layout: Layout, data: bytes
) -> None:
    added = _add(objects, data)
    (pack,) = _packs(layout)

    def damage(found: bytearray) -> None:
        for each in pack.scan():
            found[each.end - 1] ^= 1

    rewrite(pack.path, damage)
    with pytest.raises(CorruptDataError) as caught:
        ObjectStore(layout).read(added)
    assert caught.value.message.startswith(f"object {added.digest[:12]} is damaged: ")
    assert caught.value.hint == "find what can be saved with `mlv fsck --full --repair`"


@pytest.mark.parametrize("damaged", [b"", b"dat", b"Data", b"data and more"])
def test_damaged_whole_object_is_never_handed_out(
    objects: ObjectStore, layout: Layout, damaged: bytes
) -> None:
    _overwrite(_add_whole(layout, b"data"), damaged)
    with pytest.raises(CorruptDataError) as caught:
        objects.read(content(b"data"))
    short = content(b"data").digest[:12]
    assert caught.value.message == f"object {short} is damaged: its bytes have another digest"


def test_object_of_another_size_is_not_that_object(objects: ObjectStore, layout: Layout) -> None:
    added = _add(objects, b"data")
    for size in (0, 3, 5):
        other = Content(digest=added.digest, size_bytes=size)
        assert not objects.contains(other)
        with pytest.raises(CorruptDataError, match=f"it has 4 bytes, not {size}"):
            objects.read(other)


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
    assert list(layout.packs.iterdir()) == list(layout.temporary.iterdir()) == []


def test_transaction_syncs_every_directory_that_it_touched(
    objects: ObjectStore, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = set()
    fsync = os.fsync

    def note(descriptor: int) -> None:
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            synced.add(found.st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    with objects.transaction() as writer:
        writer.add_bytes(b"1")
        writer.add_bytes(b"2")
        assert synced == set()
    (pack,) = _packs(layout)
    touched = {layout.packs, pack.path.parent}
    assert synced == {directory.stat().st_ino for directory in touched}


def test_object_that_somebody_else_added_is_made_durable(
    objects: ObjectStore, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who published it may have been killed before its directory was synced."""
    _add(ObjectStore(layout), b"1")
    synced = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    _add(objects, b"1")
    (pack,) = _packs(layout)
    assert {pack.path.parent.stat().st_ino, layout.packs.stat().st_ino} <= set(synced)


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
    monkeypatch.setattr("mlv.store.object_writer.read_stable", refuse)
    with objects.transaction() as writer:
        assert writer.add_file(old_file) == added == content(b"data")


def test_file_that_did_not_change_is_not_hashed_again(
    objects: ObjectStore, old_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise AssertionError

    with objects.transaction() as writer:
        hashed = writer.hash_file(old_file)
    monkeypatch.setattr("mlv.store.object_writer.hash_file", refuse)
    with objects.transaction() as writer:
        assert writer.hash_file(old_file) == hashed == content(b"data")


def test_file_that_was_hashed_is_not_taken_for_stored(objects: ObjectStore, old_file: Path) -> None:
    with objects.transaction() as writer:
        hashed = writer.hash_file(old_file)
    assert not objects.contains(hashed)
    with objects.transaction() as writer:
        assert writer.add_file(old_file) == hashed
    assert objects.read(hashed) == b"data"


def test_file_that_did_not_change_is_read_when_its_object_is_gone(
    objects: ObjectStore, layout: Layout, old_file: Path
) -> None:
    with objects.transaction() as writer:
        added = writer.add_file(old_file)
    for pack in _packs(layout):
        pack.path.unlink()
    with objects.transaction() as writer:
        assert writer.add_file(old_file) == added
    assert ObjectStore(layout).read(added) == b"data"


def test_directory_with_many_entries_reads_back(objects: ObjectStore, layout: Layout) -> None:
    entries = tuple(entry(f"{number:05}") for number in range(MAX_PLAIN_ENTRIES + 1))
    with objects.transaction() as writer:
        added = writer.add_tree(reversed(entries))
        assert objects.read_tree(added) == entries
    assert ObjectStore(layout).read_tree(added) == entries
    assert objects.read(added).startswith(b"mlv-tree-buckets 1\n")


def test_directory_that_lost_a_bucket_is_missing(objects: ObjectStore) -> None:
    with objects.transaction() as writer:
        added = writer.add_bytes(b"mlv-tree-buckets 1\n00 " + b"0" * 64 + b" 12\n")
    with pytest.raises(MissingObjectError, match="object 000000000000 is not in the store"):
        objects.read_tree(added)


def test_content_of_a_fingerprint_is_its_object() -> None:
    expected = Content(digest=digest_of(b"data"), size_bytes=4)
    assert content_of(fingerprint(b"data", "exec")) == expected


@pytest.mark.parametrize("ask", ["read", "contains"])
def test_object_is_found_by_a_list_that_a_merge_made_incomplete(
    layout: Layout, objects: ObjectStore, monkeypatch: pytest.MonkeyPatch, ask: str
) -> None:
    """The directory of the new pack was looked at before, that of the old one after the merge."""
    wanted, _ = _add(objects, b"wanted"), _add(objects, b"other")
    lists = [list(list_packs(layout)), []]
    merge_packs.merge_small_packs(layout)

    def list_later(layout: Layout) -> list[Path]:
        return lists.pop(0) if lists else list(list_packs(layout))

    monkeypatch.setattr(packs, "list_packs", list_later)
    reader = ObjectStore(layout)
    if ask == "read":
        assert reader.read(wanted) == b"wanted"
    else:
        assert reader.contains(wanted)


def test_edited_whole_object_does_not_stand_for_a_large_blob(
    layout: Layout, objects: ObjectStore
) -> None:
    path = _add_whole(layout, BIG)
    _overwrite(path, BIG[::-1])
    assert objects.read(_add(objects, BIG)) == BIG
