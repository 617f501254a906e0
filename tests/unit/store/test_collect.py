"""Garbage goes to the trash, and what is needed stays or comes back."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from mlv.core.run import Content
from mlv.core.tree import TreeEntry
from mlv.core.tree_buckets import encode_directory
from mlv.errors import MissingObjectError
from mlv.store.collect import apply_sweep, plan_sweep, restore_needed
from mlv.store.layout import Layout
from mlv.store.objects import ObjectStore
from mlv.store.packs import list_packs
from mlv.store.reach import Root, find_reached
from mlv.store.trash import Trash
from mlv.store.whole import WholeObjects


def _add(objects: ObjectStore, *blobs: bytes) -> list[Content]:
    with objects.transaction() as writer:
        return [writer.add_bytes(blob) for blob in blobs]


def _add_whole(layout: Layout, blob: bytes) -> Content:
    whole = WholeObjects(layout)
    content = whole.write_blocks([blob])
    whole.sync()
    return content


def _digests(contents: Iterable[Content]) -> set[bytes]:
    return {bytes.fromhex(content.digest) for content in contents}


def _sweep(layout: Layout, live: Iterable[Content], *, now_s: int = 1000) -> None:
    plan = plan_sweep(layout, _digests(live))
    restore_needed(layout, plan)
    apply_sweep(layout, plan, now_s=now_s)


def _gone(layout: Layout, content: Content) -> bool:
    Trash(layout).empty(before_s=10**9)
    try:
        ObjectStore(layout).read(content)
    except MissingObjectError:
        return True
    return False


def test_sweep_throws_whole_packs_away(layout: Layout, objects: ObjectStore) -> None:
    kept, dead = _add(objects, b"kept"), _add(objects, b"dead 1", b"dead 2")
    plan = plan_sweep(layout, _digests(kept))
    assert (plan.n_dead, len(plan.packs), plan.objects) == (2, 1, ())
    apply_sweep(layout, plan, now_s=1000)
    assert len(list(list_packs(layout))) == 1
    assert ObjectStore(layout).read(kept[0]) == b"kept"
    assert all(_gone(layout, content) for content in dead)


def test_sweep_copies_what_is_needed_out_of_a_pack(layout: Layout, objects: ObjectStore) -> None:
    large = os.urandom(3 << 20)
    kept, dead, recipe = _add(objects, b"kept", b"dead", large)
    reached = find_reached(
        layout, objects, [Root(content=each, origin="test") for each in (kept, recipe)]
    )
    apply_sweep(layout, plan_sweep(layout, reached.origins), now_s=1000)
    Trash(layout).empty(before_s=1000)
    fresh = ObjectStore(layout)
    assert (fresh.read(kept), fresh.read(recipe)) == (b"kept", large)
    assert _gone(layout, dead)


def test_large_pack_with_little_garbage_stays(layout: Layout, objects: ObjectStore) -> None:
    *kept, _ = _add(objects, *(os.urandom(500_000) for _ in range(12)))
    (before,) = list_packs(layout)
    assert plan_sweep(layout, _digests(kept)).packs == ()
    assert plan_sweep(layout, _digests(kept[:6])).packs[0].pack.path == before


def test_sweep_throws_whole_objects_away(layout: Layout) -> None:
    kept, dead = _add_whole(layout, b"kept"), _add_whole(layout, b"dead")
    _sweep(layout, [kept])
    assert layout.object_file(kept.digest).exists()
    assert not layout.object_file(dead.digest).exists()
    assert ObjectStore(layout).read(dead) == b"dead"
    assert _gone(layout, dead)


def test_trash_can_be_read(layout: Layout, objects: ObjectStore) -> None:
    large = os.urandom(2 << 20)
    small, chunked = _add(objects, b"small", large)
    _sweep(layout, [])
    assert list(list_packs(layout)) == []
    for store in (objects, ObjectStore(layout)):
        assert store.contains(small)
        assert (store.read(small), store.read(chunked)) == (b"small", large)


def test_writer_does_not_count_on_the_trash(layout: Layout, objects: ObjectStore) -> None:
    _add(objects, b"again")
    _sweep(layout, [])
    (content,) = _add(ObjectStore(layout), b"again")
    assert not _gone(layout, content)


def test_what_is_needed_again_comes_back(layout: Layout, objects: ObjectStore) -> None:
    packed, whole = _add(objects, b"packed")[0], _add_whole(layout, b"whole")
    _sweep(layout, [])
    _sweep(layout, [packed, whole], now_s=2000)
    assert not _gone(layout, packed)
    assert not _gone(layout, whole)


def test_trash_keeps_what_is_young(layout: Layout, objects: ObjectStore) -> None:
    (old,) = _add(objects, b"old")
    _sweep(layout, [], now_s=1000)
    (young,) = _add(objects, b"young")
    _sweep(layout, [], now_s=2000)
    Trash(layout).empty(before_s=1999)
    fresh = ObjectStore(layout)
    assert (fresh.contains(old), fresh.contains(young)) == (False, True)


def test_damaged_pack_is_not_touched(layout: Layout, objects: ObjectStore) -> None:
    _add(objects, b"dead")
    (path,) = list_packs(layout)
    _damage(path, -1)
    plan = plan_sweep(layout, set())
    assert (plan.packs, [pack.path for pack in plan.damaged]) == ((), [path])


def test_pack_stays_when_a_needed_record_is_damaged(layout: Layout, objects: ObjectStore) -> None:
    kept, _ = _add(objects, b"kept" * 9, b"dead" * 9)
    (path,) = list_packs(layout)
    _damage(path, path.read_bytes().index(b"kept"))
    done = apply_sweep(layout, plan_sweep(layout, _digests([kept])), now_s=1000)
    assert (done.packs, [pack.path for pack in done.damaged]) == ((), [path])
    assert path.exists()


def test_missing_objects_are_named(layout: Layout, objects: ObjectStore) -> None:
    (content,) = _add(objects, b"gone")
    (path,) = list_packs(layout)
    path.unlink()
    assert plan_sweep(layout, _digests([content])).missing == _digests([content])


@pytest.mark.parametrize("n_entries", [3, 9000])
def test_mark_walks_trees_and_buckets(layout: Layout, objects: ObjectStore, n_entries: int) -> None:
    with objects.transaction() as writer:
        blob = writer.add_bytes(b"content")
        entries = [
            TreeEntry(name=f"f{n}", kind="file", digest=blob.digest, size_bytes=blob.size_bytes)
            for n in range(n_entries)
        ]
        inner = encode_directory(entries)
        stored = [writer.add_bytes(data) for data in (*inner.buckets, inner.data)]
        entry = TreeEntry(
            name="in", kind="dir", digest=stored[-1].digest, size_bytes=stored[-1].size_bytes
        )
        top = writer.add_bytes(encode_directory([entry]).data)
        writer.add_bytes(b"garbage")
    root = Root(content=top, is_tree=True, origin="test")
    reached = find_reached(layout, ObjectStore(layout), [root])
    assert set(reached.origins) == _digests([blob, top, *stored])
    assert reached.unreadable == []


def test_mark_follows_a_tree_that_is_a_file_as_well(layout: Layout, objects: ObjectStore) -> None:
    with objects.transaction() as writer:
        blob = writer.add_bytes(b"content")
        entry = TreeEntry(name="f", kind="file", digest=blob.digest, size_bytes=blob.size_bytes)
        tree = writer.add_tree([entry])
    roots = [
        Root(content=tree, origin="file"),
        Root(content=tree, is_tree=True, origin="directory"),
    ]
    assert set(find_reached(layout, objects, roots).origins) == _digests([blob, tree])


def test_mark_tells_what_it_cannot_follow(layout: Layout, objects: ObjectStore) -> None:
    missing = Content(digest=_add(objects, b"no tree")[0].digest, size_bytes=7)
    roots = [Root(content=missing, is_tree=True, origin="test")]
    (found,) = find_reached(layout, objects, roots).unreadable
    assert (found.content, found.origin, found.is_missing) == (missing, "test", False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_leaves_a_store_to_its_owner(layout: Layout) -> None:
    for path in [layout.root, *layout.root.rglob("*")]:
        os.chown(path, 1000, 1000)
    kept, _ = _add(ObjectStore(layout), b"kept", b"dead")
    _add(ObjectStore(layout), b"dead as a whole")
    _add_whole(layout, b"dead object")
    _sweep(layout, [kept])
    owners = {path: path.stat().st_uid for path in layout.root.rglob("*")}
    assert set(owners.values()) == {1000}
    assert any(path.is_relative_to(layout.trash) for path in owners)


def _damage(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


def test_damaged_pack_in_the_trash_comes_back_when_it_is_needed(
    layout: Layout, objects: ObjectStore
) -> None:
    kept, wanted = _add(objects, b"kept"), _add(objects, b"wanted")
    _sweep(layout, kept)
    (pack,) = Trash(layout).list_packs()
    data = pack.read_bytes()
    pack.chmod(0o644)
    pack.write_bytes(data[:-1] + b"x")
    plan = plan_sweep(layout, _digests([*kept, *wanted]))
    assert (plan.needed, plan.missing) == ((pack,), frozenset())
    restore_needed(layout, plan)
    assert ObjectStore(layout).read(wanted[0]) == b"wanted"
