from __future__ import annotations

from pathlib import Path

import pytest

from mlv.store import packs as packs_module
from mlv.store.layout import Layout
from mlv.store.packs import PackSet, list_packs
from tests.unit.store.pack_builders import key, make_pack, rewrite

OBJECTS = [b"object %d" % number for number in range(40)]


@pytest.fixture
def packs(layout: Layout) -> PackSet:
    return PackSet(layout)


def _read(packs: PackSet, data: bytes) -> bytes | None:
    found = packs.find(key(data))
    return None if found is None else found.pack.read(found.entry)


def _damage_index(path: Path) -> None:
    def damage(data: bytearray) -> None:
        data[-1] ^= 1

    rewrite(path, damage)


@pytest.mark.parametrize("loaded", [False, True])
def test_object_is_found_in_whatever_pack_it_is(
    layout: Layout, packs: PackSet, *, loaded: bool
) -> None:
    for start in range(0, 40, 10):
        make_pack(layout, *OBJECTS[start : start + 10])
    if loaded:
        packs.load()
    assert [_read(packs, data) for data in OBJECTS] == OBJECTS
    assert all(key(data) in packs for data in OBJECTS)
    assert _read(packs, b"absent") is None
    assert key(b"absent") not in packs


def test_many_lookups_use_one_table(
    layout: Layout, packs: PackSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packs_module, "_MANY", 10)
    make_pack(layout, *OBJECTS)
    assert [_read(packs, data) for data in OBJECTS] == OBJECTS
    loads = []
    monkeypatch.setattr(packs, "load", lambda: loads.append(1))
    assert [_read(packs, data) for data in OBJECTS] == OBJECTS
    assert loads == []


def test_many_packs_do_not_keep_all_files_open(
    layout: Layout, packs: PackSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packs_module, "_N_OPEN", 3)
    for data in OBJECTS:
        make_pack(layout, data)
    n_before = len(list(Path("/proc/self/fd").iterdir()))
    assert [_read(packs, data) for data in OBJECTS] == OBJECTS
    assert len(list(Path("/proc/self/fd").iterdir())) <= n_before


@pytest.mark.parametrize("loaded", [False, True])
def test_new_pack_is_found_after_a_refresh(layout: Layout, packs: PackSet, *, loaded: bool) -> None:
    make_pack(layout, b"old")
    if loaded:
        packs.load()
    assert _read(packs, b"old") == b"old"
    make_pack(layout, b"new")
    assert _read(packs, b"new") is None
    assert packs.refresh()
    assert (_read(packs, b"old"), _read(packs, b"new")) == (b"old", b"new")
    assert not packs.refresh()


@pytest.mark.parametrize("loaded", [False, True])
def test_pack_that_was_just_published_needs_no_refresh(
    layout: Layout, packs: PackSet, *, loaded: bool
) -> None:
    make_pack(layout, b"old")
    if loaded:
        packs.load()
    assert key(b"new") not in packs
    new = make_pack(layout, b"new")
    packs.add([new.path])
    assert (_read(packs, b"old"), _read(packs, b"new")) == (b"old", b"new")
    assert not packs.refresh()


@pytest.mark.parametrize("opened", [False, True])
def test_packs_that_were_merged_are_followed(
    layout: Layout, packs: PackSet, *, opened: bool
) -> None:
    old = [make_pack(layout, data) for data in OBJECTS[:5]]
    assert len(packs.packs) == 5
    if opened:
        assert [_read(packs, data) for data in OBJECTS[:5]] == OBJECTS[:5]
    make_pack(layout, *OBJECTS[:5])
    for pack in old:
        pack.path.unlink()
    if not opened:
        assert packs.find(key(OBJECTS[0])) is None
    assert packs.refresh()
    assert [pack.path for pack in packs.packs] == list(list_packs(layout))
    assert [_read(packs, data) for data in OBJECTS[:5]] == OBJECTS[:5]


def test_pack_that_vanished_between_finding_and_reading_is_not_found(
    layout: Layout, packs: PackSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packs_module, "_N_OPEN", 0)
    pack = make_pack(layout, b"data")
    found = packs.find(key(b"data"))
    assert found is not None
    pack.path.unlink()
    with pytest.raises(FileNotFoundError):
        found.pack.read(found.entry)


def test_every_copy_is_listed(layout: Layout, packs: PackSet) -> None:
    one = make_pack(layout, b"data", b"one")
    two = make_pack(layout, b"two", b"data")
    make_pack(layout, b"three")
    found = list(packs.find_all(key(b"data")))
    assert {each.pack.path for each in found} == {one.path, two.path}
    assert [each.pack.read(each.entry) for each in found] == [b"data", b"data"]
    assert list(packs.find_all(key(b"absent"))) == []


@pytest.mark.parametrize("loaded", [False, True])
def test_damaged_index_hides_nothing(layout: Layout, packs: PackSet, *, loaded: bool) -> None:
    _damage_index(make_pack(layout, *OBJECTS).path)
    if loaded:
        packs.load()
    assert [_read(packs, data) for data in OBJECTS] == OBJECTS


@pytest.mark.parametrize("loaded", [False, True])
def test_file_that_is_no_pack_is_passed_by(layout: Layout, packs: PackSet, *, loaded: bool) -> None:
    pack = make_pack(layout, b"data")
    for name, content in (("00" + "f" * 62, b""), ("ff" + "0" * 62, b"garbage" * 100)):
        path = layout.packs / name[:2] / name[2:]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    if loaded:
        packs.load()
    assert _read(packs, b"data") == b"data"
    assert len(packs.packs) == 3
    assert pack.path in {each.path for each in packs.packs}


def test_only_names_of_packs_are_listed(layout: Layout) -> None:
    pack = make_pack(layout, b"data")
    for name in ("README", "ab/short", f"{pack.path.parent.name}/{pack.path.name}.tmp", "AB/x"):
        path = layout.packs / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    (layout.packs / "AB" / ("F" * 62)).write_bytes(b"")
    assert list(list_packs(layout)) == [pack.path]


def test_packs_are_listed_in_the_order_of_their_names(layout: Layout) -> None:
    made = {make_pack(layout, data).path for data in OBJECTS}
    found = list(list_packs(layout))
    assert found == sorted(made)


def test_directory_that_is_missing_is_empty(layout: Layout, packs: PackSet) -> None:
    layout.packs.rmdir()
    assert list(list_packs(layout)) == []
    assert packs.find(key(b"data")) is None
    assert not packs.refresh()
