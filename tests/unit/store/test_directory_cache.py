from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from mlv.store.directory_row import (
    NOT_STORED,
    DirectoryPart,
    KnownTree,
    checksum_of,
    decode_part,
    encode_part,
)
from mlv.store.stat_cache import StatCache

PATH = b"/data/images"
PART = DirectoryPart(
    mark=NOT_STORED,
    names=b"a\0b",
    kinds=b"fl",
    states=bytes(range(88)),
    sizes=bytes(range(16)),
    digests=bytes(range(64)),
)
TREE = KnownTree(
    mark=NOT_STORED,
    covers=bytes(range(32)),
    digest=bytes(range(32, 64)),
    size_bytes=5,
    n_files=2,
    total_bytes=3,
)
ROW = encode_part(PART, PATH, b"")


class Packs:
    """The packs of a store."""

    def __init__(self, *names: str) -> None:
        self.names = set(names)

    def __call__(self) -> set[str]:
        return self.names


@contextmanager
def _opened(directory: Path, packs: Packs | None = None) -> Iterator[StatCache]:
    with closing(StatCache(directory / "stat.sqlite", list_packs=packs)) as cache:
        yield cache


def _save(directory: Path, *paths: bytes) -> None:
    with _opened(directory) as cache:
        for path in paths:
            cache.directories.add(path, b"", TREE, encode_part(PART, path, b""))
        cache.save()


def _save_mark(directory: Path, packs: Packs) -> bytes:
    """Save something that is stored, and return the mark of that."""
    with _opened(directory, packs) as cache:
        mark = cache.directories.mark
        cache.directories.add(PATH, b"", None, ROW)
        cache.save()
    return mark


def _mark(directory: Path, packs: Packs) -> bytes:
    with _opened(directory, packs) as cache:
        return cache.directories.mark


def test_what_was_saved_is_found(tmp_path: Path) -> None:
    _save(tmp_path, PATH)
    with _opened(tmp_path) as cache:
        found = cache.directories.find(PATH, b"")
    assert found is not None
    assert (found.part, found.tree, found.checksum) == (PART, TREE, checksum_of(ROW))


def test_what_was_added_is_found_before_it_is_saved(tmp_path: Path) -> None:
    with _opened(tmp_path) as cache:
        cache.directories.add(PATH, b"", None, ROW)
        found = cache.directories.find(PATH, b"")
    assert found is not None
    assert (found.part, found.tree) == (PART, None)


def test_what_was_not_saved_is_forgotten(tmp_path: Path) -> None:
    with _opened(tmp_path) as cache:
        cache.directories.add(PATH, b"", TREE, ROW)
    with _opened(tmp_path) as cache:
        assert cache.directories.find(PATH, b"") is None


def test_other_directory_is_unknown(tmp_path: Path) -> None:
    _save(tmp_path, PATH)
    with _opened(tmp_path) as cache:
        assert cache.directories.find(b"/data", b"") is None
        assert cache.directories.find(PATH, b"b") is None


def test_empty_part_can_be_kept() -> None:
    empty = DirectoryPart(mark=NOT_STORED, names=b"", kinds=b"", states=b"", sizes=b"", digests=b"")
    assert decode_part(encode_part(empty, PATH, b""), PATH, b"") == empty


def test_row_with_any_flipped_byte_is_not_believed() -> None:
    for at in range(len(ROW)):
        damaged = bytearray(ROW)
        damaged[at] ^= 1
        assert decode_part(bytes(damaged), PATH, b"") is None


@pytest.mark.parametrize("end", [0, 1, 31, 32, 40, 47, 48, len(ROW) - 1])
def test_row_that_was_cut_is_not_believed(end: int) -> None:
    assert decode_part(ROW[:end], PATH, b"") is None


@pytest.mark.parametrize(
    ("path", "first"), [(b"/data/image", b"s"), (PATH, b"a"), (b"/other", b"")]
)
def test_row_of_something_else_is_not_believed(path: bytes, first: bytes) -> None:
    assert decode_part(ROW, path, first) is None


def test_flipped_byte_in_the_tree_is_noticed(tmp_path: Path) -> None:
    _save(tmp_path, PATH)
    with closing(sqlite3.connect(tmp_path / "stat.sqlite")) as database:
        (tree,) = database.execute("SELECT tree FROM directories").fetchone()
    for at in range(len(tree)):
        damaged = bytearray(tree)
        damaged[at] ^= 0x80
        with closing(sqlite3.connect(tmp_path / "stat.sqlite")) as database, database:
            database.execute("UPDATE directories SET tree = ?", (bytes(damaged),))
        with _opened(tmp_path) as cache:
            found = cache.directories.find(PATH, b"")
        assert found is not None
        assert found.tree is None


def test_parts_are_listed_in_order(tmp_path: Path) -> None:
    with _opened(tmp_path) as cache:
        for first in (b"m", b"", b"c"):
            cache.directories.add(PATH, first, None, encode_part(PART, PATH, first))
        cache.save()
        assert cache.directories.list_parts(PATH) == [b"", b"c", b"m"]
        cache.directories.forget_part(PATH, b"c")
        cache.save()
        assert cache.directories.list_parts(PATH) == [b"", b"m"]


def test_directory_is_forgotten_with_all_below_it(tmp_path: Path) -> None:
    paths = (b"/data", b"/data/images", b"/data/images/cats", b"/data/images2", b"/data/images.old")
    _save(tmp_path, *paths)
    with _opened(tmp_path) as cache:
        cache.directories.forget_directory(b"/data/images")
        cache.save()
    with _opened(tmp_path) as cache:
        known = [path for path in paths if cache.directories.find(path, b"") is not None]
    assert known == [b"/data", b"/data/images2", b"/data/images.old"]


def test_mark_holds_while_no_pack_goes(tmp_path: Path) -> None:
    packs = Packs("one", "two")
    mark = _save_mark(tmp_path, packs)
    packs.names.add("three")
    assert _mark(tmp_path, packs) == mark != NOT_STORED


def test_mark_is_void_when_a_pack_has_gone(tmp_path: Path) -> None:
    packs = Packs("one", "two")
    mark = _save_mark(tmp_path, packs)
    packs.names.remove("one")
    assert _mark(tmp_path, packs) != mark


def test_mark_is_void_when_a_pack_of_later_has_gone(tmp_path: Path) -> None:
    packs = Packs("one")
    mark = _save_mark(tmp_path, packs)
    packs.names.add("two")
    assert _save_mark(tmp_path, packs) == mark
    packs.names.remove("two")
    assert _mark(tmp_path, packs) != mark


def test_mark_does_not_come_back_with_its_pack(tmp_path: Path) -> None:
    packs = Packs("one", "two")
    mark = _save_mark(tmp_path, packs)
    packs.names.remove("one")
    assert _save_mark(tmp_path, packs) != mark
    packs.names.add("one")
    assert _mark(tmp_path, packs) != mark


def test_mark_is_void_when_somebody_says_so(tmp_path: Path) -> None:
    packs = Packs("one")
    mark = _save_mark(tmp_path, packs)
    with _opened(tmp_path, packs) as cache:
        cache.forget_stored()
        assert cache.directories.mark != mark
    assert _mark(tmp_path, packs) != mark


def test_pack_that_goes_while_the_mark_is_in_use_makes_it_void(tmp_path: Path) -> None:
    packs = Packs("one", "two")
    mark = _save_mark(tmp_path, packs)
    with _opened(tmp_path, packs) as cache:
        assert cache.directories.mark == mark
        packs.names.remove("one")
        cache.directories.add(PATH, b"", None, ROW)
        cache.save()
    assert _mark(tmp_path, packs) != mark


def test_two_that_draw_a_mark_at_once_do_not_believe_each_other(tmp_path: Path) -> None:
    packs = Packs("one")
    with _opened(tmp_path, packs) as early, _opened(tmp_path, packs) as late:
        marks = early.directories.mark, late.directories.mark
        for cache in (early, late):
            cache.directories.add(PATH, b"", None, ROW)
            cache.save()
    assert len(set(marks)) == 2
    assert _mark(tmp_path, packs) == marks[0]


def test_nothing_is_stored_where_packs_are_unknown(tmp_path: Path) -> None:
    with _opened(tmp_path) as cache:
        assert cache.directories.mark == NOT_STORED


def test_forked_process_has_the_mark_of_its_parent(tmp_path: Path) -> None:
    with _opened(tmp_path, Packs("one")) as cache, closing(cache.reopened()) as other:
        assert other.directories.mark == cache.directories.mark


@pytest.mark.parametrize("end", [0.1, 0.5, 0.9])
def test_database_with_a_hole_costs_time_only(tmp_path: Path, end: float) -> None:
    paths = [b"/data/%d" % number for number in range(2000)]
    _save(tmp_path, *paths)
    file = tmp_path / "stat.sqlite"
    size = file.stat().st_size
    with file.open("r+b") as database:
        database.seek(int(size * end))
        database.write(os.urandom(int(size * 0.09)))
    with _opened(tmp_path) as cache:
        found = [cache.directories.find(path, b"") for path in paths]
        assert {each.part for each in found if each is not None} <= {PART}
        assert None in found
        for path in paths:
            cache.directories.add(path, b"", TREE, encode_part(PART, path, b""))
        cache.save()
