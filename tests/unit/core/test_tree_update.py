from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlv.core.tree import MAX_PLAIN_ENTRIES, TREE_HEADER
from mlv.core.tree_buckets import EncodedDirectory, encode_directory
from mlv.core.tree_update import update_directory
from tests.unit.core.builders import entry
from tests.unit.core.tree_objects import TreeObjects, hold_at_most, numbered


@pytest.fixture
def trees() -> TreeObjects:
    return TreeObjects()


@pytest.fixture
def four_at_most() -> Iterator[None]:
    with hold_at_most(4):
        yield


def test_update_of_a_small_directory_is_one_object(trees: TreeObjects) -> None:
    tree = trees.add([entry("a"), entry("b"), entry("c")])
    updates = {"a": None, "b": entry("b", b"new"), "d": entry("d"), "x": None}
    updated = update_directory(tree, updates, trees.read)
    assert updated == encode_directory([entry("b", b"new"), entry("c"), entry("d")])


def test_update_of_no_directory_makes_one(trees: TreeObjects) -> None:
    entries = numbered(MAX_PLAIN_ENTRIES + 1)
    updates = {each.name: each for each in entries}
    assert update_directory(None, updates, trees.read) == encode_directory(entries)
    assert update_directory(None, {}, trees.read) == EncodedDirectory(data=TREE_HEADER)


def test_update_of_a_large_directory_touches_one_bucket(trees: TreeObjects) -> None:
    entries = numbered(20_000)
    tree = trees.add(entries)
    name = entries[5].name
    updated = update_directory(tree, {name: entry(name, b"new")}, trees.read)
    expected = encode_directory([*entries[:5], entry(name, b"new"), *entries[6:]])
    assert updated.data == expected.data
    assert len(updated.buckets) == 1
    assert len(trees.reads) == 2


def test_directory_loses_its_buckets_when_few_entries_stay(trees: TreeObjects) -> None:
    *rest, last = numbered(MAX_PLAIN_ENTRIES + 1)
    tree = trees.add([*rest, last])
    assert update_directory(tree, {last.name: None}, trees.read) == encode_directory(rest)


def test_removal_from_a_huge_directory_reads_little(trees: TreeObjects) -> None:
    entries = numbered(100_000)
    tree = trees.add(entries)
    updated = update_directory(tree, {entries[0].name: None}, trees.read)
    assert updated.data == encode_directory(entries[1:]).data
    assert len(trees.reads) < 20


@pytest.mark.usefixtures("four_at_most")
def test_bucket_that_lost_its_last_entry_is_not_listed(trees: TreeObjects) -> None:
    entries = numbered(20)
    tree = trees.add(entries)
    updates = {each.name: None for each in entries[:12]}
    updated = update_directory(tree, updates, trees.read)
    assert updated.data == encode_directory(entries[12:]).data


@pytest.mark.parametrize("name", ["..", ".git", r"\x61"])
def test_update_refuses_a_name_that_no_tree_holds(trees: TreeObjects, name: str) -> None:
    with pytest.raises(ValueError, match=r"cannot be the name|one right way"):
        update_directory(trees.add([]), {name: entry(name)}, trees.read)
