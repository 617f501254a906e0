from __future__ import annotations

import pytest

from mlv.core.digest import digest_of
from mlv.core.paths import RepoPath
from mlv.core.tree import TREE_HEADER, TreeChange, TreeEntry
from mlv.core.tree_buckets import encode_buckets
from mlv.core.tree_diff import EMPTY_TREE, Rename, diff_directories, diff_entries, find_renames
from tests.unit.core.builders import entry
from tests.unit.core.tree_objects import TreeObjects, directory_entry, numbered


@pytest.fixture
def trees() -> TreeObjects:
    return TreeObjects()


def _change(path: str, before: TreeEntry | None, after: TreeEntry | None) -> TreeChange:
    return TreeChange(path=RepoPath(path), before=before, after=after)


def _rename(before: str, after: str, entry: TreeEntry) -> Rename:
    return Rename(before=RepoPath(before), after=RepoPath(after), entry=entry)


def test_empty_tree_has_a_digest_of_its_own() -> None:
    assert digest_of(TREE_HEADER) == EMPTY_TREE


def test_diff_lists_files_at_any_depth_sorted_by_path(trees: TreeObjects) -> None:
    before = trees.build({"a": {"x": b"1", "y": b"1"}, "a-b": b"1", "a.c": b"1", "gone": b"1"})
    after = trees.build({"a": {"x": b"2", "y": b"1"}, "a-b": b"2", "a.c": ("exec", b"1")})
    assert list(diff_directories(before, after, trees.read)) == [
        _change("a-b", entry("a-b", b"1"), entry("a-b", b"2")),
        _change("a.c", entry("a.c", b"1"), entry("a.c", b"1", "exec")),
        _change("a/x", entry("x", b"1"), entry("x", b"2")),
        _change("gone", entry("gone", b"1"), None),
    ]


def test_diff_reads_only_directories_that_differ(trees: TreeObjects) -> None:
    same = {"deep": {"file": b"1"}}
    before = trees.build({"same": same, "other": {"same": same, "x": b"1"}})
    after = trees.build({"same": same, "other": {"same": same, "x": b"2"}})
    assert len(list(diff_directories(before, after, trees.read))) == 1
    assert len(trees.reads) == len(set(trees.reads)) == 4


def test_diff_reads_only_as_far_as_it_is_asked(trees: TreeObjects) -> None:
    before = trees.build({"a": b"1", "b": {"c": b"1"}})
    after = trees.build({"a": b"2", "b": {"c": b"2"}})
    changes = diff_directories(before, after, trees.read)
    assert next(changes).path == "a"
    assert trees.reads == [before, after]


def test_diff_with_no_directory_lists_everything(trees: TreeObjects) -> None:
    tree = trees.build({"a": {"x": b"1"}, "empty": {}})
    path = RepoPath("data")
    assert list(diff_directories(None, tree, trees.read, path)) == [
        _change("data/a/x", None, entry("x", b"1")),
        _change("data/empty", None, directory_entry("empty", trees.build({}))),
    ]
    assert list(diff_directories(None, None, trees.read)) == []


def test_file_that_became_a_directory_is_gone_and_its_content_is_new(trees: TreeObjects) -> None:
    before = trees.build({"a": b"1"})
    after = trees.build({"a": {"a": b"1"}})
    assert list(diff_directories(before, after, trees.read)) == [
        _change("a", entry("a", b"1"), None),
        _change("a/a", None, entry("a", b"1")),
    ]


def test_file_that_became_an_empty_directory_is_one_change(trees: TreeObjects) -> None:
    before, after = trees.build({"a": b"1"}), trees.build({"a": {}})
    empty = directory_entry("a", trees.build({}))
    changes = list(diff_directories(before, after, trees.read))
    assert changes == [_change("a", entry("a", b"1"), empty)]


def test_diff_of_large_directories_reads_two_buckets(trees: TreeObjects) -> None:
    entries = numbered(20_000)
    before = trees.add(entries)
    after = trees.add(entries[1:])
    changes = list(diff_directories(before, after, trees.read))
    assert changes == [_change(entries[0].name, entries[0], None)]
    assert len(trees.reads) == 4


def test_entries_of_the_directory_itself_are_compared_bucket_by_bucket(trees: TreeObjects) -> None:
    entries = numbered(20_000)
    before = trees.add(entries)
    changed = entry(entries[123].name, b"changed")
    after = trees.add([*entries[:123], changed, *entries[124:]])
    changes = list(diff_entries(before, after, trees.read))
    assert changes == [_change(changed.name, entries[123], changed)]
    assert len(trees.reads) == 4


def test_equal_directories_are_not_read(trees: TreeObjects) -> None:
    tree = trees.add(numbered(3))
    assert list(diff_entries(tree, tree, trees.read)) == []
    assert trees.reads == []


def test_buckets_of_buckets_without_end_are_refused(trees: TreeObjects) -> None:
    before, after = trees.build({"a": b"1"}), trees.build({"b": b"1"})
    for _ in range(10_000):
        before, after = (trees.add_bytes(encode_buckets({7: bucket})) for bucket in (before, after))
    with pytest.raises(ValueError, match="too deep"):
        list(diff_entries(before, after, trees.read))


def test_diff_of_a_directory_that_grew_buckets_lists_what_is_new(trees: TreeObjects) -> None:
    entries = numbered(4097)
    before, after = trees.add(entries[:-1]), trees.add(entries)
    changes = list(diff_directories(before, after, trees.read))
    assert changes == [_change(entries[-1].name, None, entries[-1])]


def test_diff_goes_as_deep_as_paths_can_be(trees: TreeObjects) -> None:
    before, after = trees.chain("d", 2047, b"1"), trees.chain("d", 2047, b"2")
    [change] = diff_directories(before, after, trees.read)
    assert change.path == "/".join(["d"] * 2048)


def test_diff_of_trees_deeper_than_any_path_is_refused(trees: TreeObjects) -> None:
    before, after = trees.chain("d", 10_000, b"1"), trees.chain("d", 10_000, b"2")
    with pytest.raises(ValueError, match="is longer than 4095 bytes"):
        list(diff_directories(before, after, trees.read))
    assert len(trees.reads) < 5000


def test_renames_prefer_the_same_name_and_pair_each_path_once() -> None:
    changes = [
        _change("a/x", entry("x", b"1"), None),
        _change("a/y", entry("y", b"1"), None),
        _change("b/y", None, entry("y", b"1")),
        _change("b/z", None, entry("z", b"1")),
        _change("c/x", None, entry("x", b"1")),
        _change("kept", entry("kept", b"1"), entry("kept", b"2")),
    ]
    assert find_renames(changes) == (
        _rename("a/y", "b/y", entry("y", b"1")),
        _rename("a/x", "c/x", entry("x", b"1")),
    )


def test_rename_to_another_name_is_found() -> None:
    changes = [_change("a", entry("a", b"1"), None), _change("b", None, entry("b", b"1"))]
    assert find_renames(changes) == (_rename("a", "b", entry("b", b"1")),)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (entry("a", b"1"), entry("b", b"2")),
        (entry("a", b"1"), entry("b", b"1", "exec")),
        (entry("a"), entry("b")),
        (entry("a", TREE_HEADER, "dir"), entry("b", TREE_HEADER, "dir")),
    ],
)
def test_what_is_not_surely_the_same_is_no_rename(before: TreeEntry, after: TreeEntry) -> None:
    changes = [_change("a", before, None), _change("b", None, after)]
    assert find_renames(changes) == ()
