"""Damage to packs, whole objects and the small files of a store is found and told apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlv.core.run import Content
from mlv.store.check import DamagedFile, Thoroughness, check_files, check_pack
from mlv.store.layout import Layout
from mlv.store.markers import check_markers, mend_markers
from mlv.store.objects import ObjectStore
from mlv.store.pack_file import PackFile
from mlv.store.packs import list_packs
from mlv.store.quarantine import find_quarantined, list_quarantined_packs
from mlv.store.repair import find_good, put_aside
from mlv.store.whole import WholeObjects


def _pack(layout: Layout, objects: ObjectStore) -> tuple[Path, list[Content]]:
    with objects.transaction() as writer:
        contents = [writer.add_bytes(b"object %d" % number) for number in range(3)]
    (path,) = list_packs(layout)
    return path, contents


def _flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


def _check(layout: Layout, thoroughness: Thoroughness = "bytes") -> list[DamagedFile]:
    return check_files(layout, thoroughness, lambda _: None)


def test_sound_files_pass(layout: Layout, objects: ObjectStore) -> None:
    _pack(layout, objects)
    whole = WholeObjects(layout)
    whole.write_blocks([b"whole"])
    assert (_check(layout), _check(layout, "headers")) == ([], [])


def test_check_tells_how_far_it_is(layout: Layout, objects: ObjectStore) -> None:
    path, _ = _pack(layout, objects)
    seen: list[int] = []
    check_files(layout, "bytes", seen.append)
    assert seen == [path.stat().st_size]


@pytest.mark.parametrize("offset", [0, 8, 33, 90, -1, -40, -80])
def test_quick_check_finds_damaged_headers_and_indexes(
    layout: Layout, objects: ObjectStore, offset: int
) -> None:
    path, _ = _pack(layout, objects)
    _flip(path, offset)
    assert [each.path for each in _check(layout, "headers")] == [path]


def test_full_check_finds_every_flipped_byte(layout: Layout, objects: ObjectStore) -> None:
    path, contents = _pack(layout, objects)
    data = path.read_bytes()
    path.chmod(0o644)
    lost: set[str] = set()
    for offset in range(len(data)):
        changed = bytearray(data)
        changed[offset] ^= 0x80
        path.write_bytes(changed)
        found = check_pack(path, "bytes")
        assert found is not None, offset
        lost.update(found.lost)
    assert lost == {content.digest for content in contents}


def test_bytes_that_no_record_covers_are_found(layout: Layout, objects: ObjectStore) -> None:
    path, _ = _pack(layout, objects)
    _flip(path, 20)  # the nonce
    (found,) = _check(layout)
    assert (found.problems, found.lost) == (
        ("its bytes have another digest than its name says",),
        (),
    )


def test_whole_object_is_hashed(layout: Layout) -> None:
    whole = WholeObjects(layout)
    content = whole.write_blocks([b"whole"])
    _flip(layout.object_file(content.digest), 0)
    assert _check(layout, "headers") == []
    (found,) = _check(layout)
    assert found.lost == (content.digest,)


def test_many_files_are_checked_by_several_processes(layout: Layout, objects: ObjectStore) -> None:
    whole = WholeObjects(layout)
    contents = [whole.write_blocks([b"whole %d" % number]) for number in range(8)]
    for content in contents[::2]:
        _flip(layout.object_file(content.digest), 0)
    found = {digest for each in _check(layout) for digest in each.lost}
    assert found == {content.digest for content in contents[::2]}


def test_good_objects_are_those_with_a_good_copy(layout: Layout, objects: ObjectStore) -> None:
    path, contents = _pack(layout, objects)
    data = path.read_bytes()
    _flip(path, data.index(b"object 1"))
    good = {bytes.fromhex(contents[number].digest) for number in (0, 2)}
    assert find_good(layout, _check(layout)) == good


def test_put_aside_keeps_the_good_records(layout: Layout, objects: ObjectStore) -> None:
    path, contents = _pack(layout, objects)
    _flip(path, path.read_bytes().index(b"object 1"))
    damaged = path.read_bytes()
    put_aside(layout, _check(layout))
    (aside,) = list_quarantined_packs(layout)
    assert aside.read_bytes() == damaged
    assert find_quarantined(layout, contents[1].digest) == aside
    (new,) = list_packs(layout)
    assert len(PackFile(new).read_index()) == 2
    fresh = ObjectStore(layout)
    assert [fresh.contains(content) for content in contents] == [True, False, True]
    assert _check(layout) == []


def test_markers_of_a_new_store_are_sound(layout: Layout) -> None:
    assert check_markers(layout.root) == []


def test_markers_are_mended(layout: Layout) -> None:
    (layout.root / "format").write_bytes(b"mlv-store 1\n")
    (layout.root / ".git/refs").rmdir()
    (layout.root / "clone").write_bytes(b"  ")
    damaged = check_markers(layout.root)
    assert [each.path.name for each in damaged] == ["format", "clone", "refs"]
    assert mend_markers(damaged) == []
    assert check_markers(layout.root) == []


@pytest.mark.parametrize("name", ["format", "clone", ".git/HEAD", ".git/config"])
@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80])
def test_every_byte_of_the_markers_is_checked_and_mended(
    layout: Layout, name: str, mask: int
) -> None:
    (layout.log / f"{layout.read_clone_id()}.log").write_bytes(b"")
    path = layout.root / name
    data = path.read_bytes()
    for offset in range(len(data)):
        changed = bytearray(data)
        changed[offset] ^= mask
        path.write_bytes(changed)
        damaged = check_markers(layout.root)
        assert [each.path for each in damaged] == [path]
        if changed.startswith(b"mlv-store 0\n"):
            continue  # it may be that of another mlv
        assert mend_markers(damaged) == []
        assert path.read_bytes() == data


def test_clone_of_no_chain_takes_the_id_of_the_only_one(layout: Layout) -> None:
    (layout.log / "0123456789abcdef.log").write_bytes(b"")
    (layout.root / "clone").unlink()
    mend_markers(check_markers(layout.root))
    assert layout.read_clone_id() == "0123456789abcdef"


def test_clone_that_has_done_nothing_yet_is_sound_beside_others(layout: Layout) -> None:
    (layout.log / "0123456789abcdef.log").write_bytes(b"")
    (layout.root / "clone").write_bytes(b"fedcba9876543210\n")
    assert check_markers(layout.root) == []


def test_lost_clone_among_several_chains_is_nobodys_guess(layout: Layout) -> None:
    for name in ("0123456789abcdef", "fedcba9876543210"):
        (layout.log / f"{name}.log").write_bytes(b"")
    (layout.root / "clone").unlink()
    damaged = check_markers(layout.root)
    assert mend_markers(damaged) == damaged
