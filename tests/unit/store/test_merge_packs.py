"""Small packs are merged, and nothing is lost at any moment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlv.core.digest import digest_of
from mlv.core.run import Content
from mlv.store.layout import Layout
from mlv.store.lock import exclusive_lock
from mlv.store.merge_packs import MOST_SMALL_PACKS, merge_small_packs
from mlv.store.objects import ObjectStore
from mlv.store.packs import list_packs


def _add_each(objects: ObjectStore, n: int, *, first: int = 0) -> list[Content]:
    contents = []
    for number in range(first, first + n):
        with objects.transaction() as writer:
            contents.append(writer.add_bytes(b"object %d" % number))
    return contents


def _packs(layout: Layout) -> list[Path]:
    return list(list_packs(layout))


def _flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


def test_transaction_merges_when_there_are_many_small_packs(
    layout: Layout, objects: ObjectStore
) -> None:
    contents = _add_each(objects, MOST_SMALL_PACKS)
    assert len(_packs(layout)) == MOST_SMALL_PACKS
    contents += _add_each(objects, 1, first=MOST_SMALL_PACKS)
    assert len(_packs(layout)) == 1
    expected = [b"object %d" % number for number in range(MOST_SMALL_PACKS + 1)]
    for store in (objects, ObjectStore(layout)):
        assert [store.read(content) for content in contents] == expected


def test_merge_keeps_recipes_and_their_chunks(layout: Layout, objects: ObjectStore) -> None:
    large = os.urandom(3 << 20)
    with objects.transaction() as writer:
        content = writer.add_bytes(large)
    _add_each(objects, 3)
    assert merge_small_packs(layout) == 4
    assert len(_packs(layout)) == 1
    assert ObjectStore(layout).read(content) == large


def test_merge_writes_an_object_once(layout: Layout, objects: ObjectStore) -> None:
    contents = _add_each(objects, 3)
    (first, *_) = _packs(layout)
    copy = first.read_bytes()
    assert merge_small_packs(layout) == 3
    once = _packs(layout)[0].stat().st_size
    first.parent.mkdir(exist_ok=True)
    first.write_bytes(copy)
    assert merge_small_packs(layout) == 2
    assert [path.stat().st_size for path in _packs(layout)] == [once]
    assert all(ObjectStore(layout).contains(content) for content in contents)


@pytest.mark.parametrize("offset", [40, 100, -1, -70])
def test_merge_leaves_a_damaged_pack_as_it_is(
    layout: Layout, objects: ObjectStore, offset: int
) -> None:
    _add_each(objects, 4)
    damaged = _packs(layout)[1]
    _flip(damaged, offset)
    before = damaged.read_bytes()
    assert merge_small_packs(layout) == 3
    assert len(_packs(layout)) == 2
    assert damaged.read_bytes() == before


def test_reader_with_an_old_list_finds_merged_objects(layout: Layout, objects: ObjectStore) -> None:
    contents = _add_each(objects, 5)
    reader = ObjectStore(layout)
    reader.load_locations()
    merge_small_packs(layout)
    assert [reader.read(content) for content in contents] == [b"object %d" % n for n in range(5)]


def test_merge_that_another_process_does_is_left_to_it(
    layout: Layout, objects: ObjectStore
) -> None:
    _add_each(objects, 3)
    with exclusive_lock(layout.root / "merge-lock", purpose="testing"):
        assert merge_small_packs(layout) == 0
    assert len(_packs(layout)) == 3


def test_large_packs_are_left_alone(layout: Layout, objects: ObjectStore) -> None:
    with objects.transaction() as writer:
        for _ in range(10):
            writer.add_bytes(os.urandom(500_000))
    _add_each(objects, 2)
    large = max(_packs(layout), key=lambda path: path.stat().st_size)
    assert merge_small_packs(layout) == 2
    assert large in _packs(layout)


def test_merge_that_fails_loses_nothing(
    layout: Layout, objects: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = _add_each(objects, MOST_SMALL_PACKS)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with objects.transaction() as writer:
        last = writer.add_bytes(b"last")
        writer.publish()
        monkeypatch.setattr("mlv.store.pack_writer.sync_directory", fail)
    monkeypatch.undo()
    assert last.digest == digest_of(b"last")
    assert all(ObjectStore(layout).contains(content) for content in [*contents, last])
