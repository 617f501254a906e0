from __future__ import annotations

from collections.abc import Mapping

import pytest

from mlv.core.paths import RepoPath
from mlv.core.run import Content
from mlv.core.tree_merge import (
    ConflictReason,
    DirectoryMerge,
    MergeConflict,
    merge_directories,
)
from tests.unit.core.builders import entry
from tests.unit.core.tree_objects import Node, TreeObjects, numbered

BASE: Mapping[str, Node] = {"same": b"s", "d": {"a": b"1", "b": b"1"}, "f": b"1"}


@pytest.fixture
def trees() -> TreeObjects:
    return TreeObjects()


def _merge(
    trees: TreeObjects,
    base: Mapping[str, Node] | None,
    ours: Mapping[str, Node],
    theirs: Mapping[str, Node],
) -> DirectoryMerge:
    old = None if base is None else trees.build(base)
    merge = merge_directories(old, trees.build(ours), trees.build(theirs), trees.read)
    for data in merge.objects:
        trees.add_bytes(data)
    return merge


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        pytest.param(
            {**BASE, "d": {"a": b"2", "b": b"1"}},
            {**BASE, "d": {"a": b"1", "b": b"2"}},
            {**BASE, "d": {"a": b"2", "b": b"2"}},
            id="two files of one directory",
        ),
        pytest.param(
            {**BASE, "new": {"x": b"1"}},
            {**BASE, "new": {"y": b"1"}},
            {**BASE, "new": {"x": b"1", "y": b"1"}},
            id="a directory that both added",
        ),
        pytest.param(
            {"same": b"s", "f": b"1"},
            {**BASE, "d": {"a": b"1", "b": b"1", "c": b"1"}},
            {**BASE, "d": {"c": b"1"}},
            id="a file added to a directory deleted here",
        ),
        pytest.param(
            {"same": b"s", "f": b"1", "new": b"1"},
            {**BASE, "d": {"a": b"1"}},
            {"same": b"s", "f": b"1", "new": b"1"},
            id="a directory deleted here and half deleted there",
        ),
        pytest.param(
            {**BASE, "d": {"a": b"1"}},
            {**BASE, "d": {"b": b"1"}},
            {**BASE, "d": {}},
            id="a directory that both half deleted",
        ),
        pytest.param(
            {**BASE, "f": ("exec", b"1")},
            {**BASE, "f": b"2"},
            {**BASE, "f": ("exec", b"2")},
            id="mode and content",
        ),
        pytest.param(
            {**BASE, "f": ("exec", b"2")},
            {**BASE, "f": b"2"},
            {**BASE, "f": ("exec", b"2")},
            id="the same content, and the mode",
        ),
        pytest.param(
            {"same": b"s", "f": b"1"},
            {**BASE, "d": b"file"},
            {**BASE, "d": b"file"},
            id="a directory deleted here, replaced there",
        ),
        pytest.param(
            {"same": b"s", "d": {}},
            {**BASE, "f": {"x": b"1"}},
            {"same": b"s", "d": {}, "f": {"x": b"1"}},
            id="a file deleted here, replaced by a directory there",
        ),
    ],
)
@pytest.mark.parametrize("swapped", [False, True])
def test_changes_that_do_not_touch_each_other_are_merged(
    trees: TreeObjects,
    ours: Mapping[str, Node],
    theirs: Mapping[str, Node],
    expected: Mapping[str, Node],
    *,
    swapped: bool,
) -> None:
    sides = (theirs, ours) if swapped else (ours, theirs)
    merge = _merge(trees, BASE, *sides)
    assert merge.conflicts == ()
    assert trees.list_leaves(merge.tree) == trees.list_leaves(trees.build(expected))
    assert merge.tree == trees.build(expected)


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "reason", "kept"),
    [
        (None, b"2", b"3", "both-added", "ours"),
        (None, b"2", ("exec", b"2"), "both-added", "ours"),
        ({"x": b"1"}, b"2", b"3", "both-added", "ours"),
        (b"1", b"2", b"3", "both-changed", "ours"),
        (b"1", ("exec", b"2"), b"3", "both-changed", "ours"),
        (("link", b"1"), ("link", b"2"), ("link", b"3"), "both-changed", "ours"),
        (b"1", None, b"3", "deleted-here", "theirs"),
        (b"1", b"2", None, "deleted-there", "ours"),
        (b"1", ("link", b"2"), b"3", "kind-differs", "ours"),
        (b"1", {"x": b"1"}, b"3", "kind-differs", "ours"),
        (None, b"1", {"x": b"1"}, "kind-differs", "ours"),
        ({"x": b"1"}, {"x": b"2"}, b"3", "kind-differs", "ours"),
    ],
)
def test_path_that_both_changed_is_a_conflict(
    trees: TreeObjects,
    base: Node | None,
    ours: Node | None,
    theirs: Node | None,
    reason: ConflictReason,
    kept: str,
) -> None:
    def directory(node: Node | None) -> Mapping[str, Node]:
        return {"d": {"a": b"a"} if node is None else {"a": b"a", "x": node}}

    merge = _merge(trees, directory(base), directory(ours), directory(theirs))
    [conflict] = merge.conflicts
    assert (conflict.path, conflict.reason) == ("d/x", reason)
    assert merge.tree == trees.build(directory(ours if kept == "ours" else theirs))
    assert merge.objects == ()


def test_conflict_names_all_three_versions(trees: TreeObjects) -> None:
    merge = _merge(trees, {"x": b"1"}, {"x": b"2"}, {"x": b"3"})
    versions = [entry("x", data) for data in (b"1", b"2", b"3")]
    assert merge.conflicts == (
        MergeConflict(
            path=RepoPath("x"),
            reason="both-changed",
            base=versions[0],
            ours=versions[1],
            theirs=versions[2],
        ),
    )


def test_conflicts_are_sorted_by_path(trees: TreeObjects) -> None:
    def directory(data: bytes) -> Mapping[str, Node]:
        return {"a": {"x": data}, "a-b": data, "z": data, "c": {"y": data, "d": {"x": data}}}

    merge = _merge(trees, directory(b"1"), directory(b"2"), directory(b"3"))
    paths = [conflict.path for conflict in merge.conflicts]
    assert paths == ["a-b", "a/x", "c/d/x", "c/y", "z"]


def test_directories_made_from_nothing_are_united(trees: TreeObjects) -> None:
    merge = _merge(trees, None, {"a": b"1", "d": {"x": b"1"}}, {"b": b"1", "d": {"y": b"1"}})
    assert merge.conflicts == ()
    assert merge.tree == trees.build({"a": b"1", "b": b"1", "d": {"x": b"1", "y": b"1"}})


def test_merge_reads_only_what_both_changed(trees: TreeObjects) -> None:
    large: Mapping[str, Node] = {"x": {"y": b"1"}}
    ours: Mapping[str, Node] = {"large": large, "d": {"a": b"2"}, "e": {"b": b"1"}}
    theirs: Mapping[str, Node] = {"large": large, "d": {"a": b"1"}, "e": {"b": b"2"}}
    _merge(trees, {"large": large, "d": {"a": b"1"}, "e": {"b": b"1"}}, ours, theirs)
    assert len(set(trees.reads)) == 3


def test_merge_gives_the_objects_that_are_new_children_first(trees: TreeObjects) -> None:
    entries = numbered(4097)
    added = [entry("left", b"1"), entry("right", b"1")]
    base, ours, theirs = (trees.add(entries + more) for more in ([], added[:1], added[1:]))
    merge = merge_directories(base, ours, theirs, trees.read)
    known: set[str] = set(trees.objects)
    for data in merge.objects:
        trees.add_bytes(data)
    assert merge.tree == trees.add(entries + added)
    assert merge.objects[-1] == trees.objects[merge.tree.digest]
    assert len(set(trees.objects) - known) == 1


def test_merge_goes_as_deep_as_paths_can_be(trees: TreeObjects) -> None:
    base, ours, theirs = (trees.chain("d", 2047, data) for data in (b"1", b"2", b"3"))
    [conflict] = merge_directories(base, ours, theirs, trees.read).conflicts
    assert conflict.path == "/".join(["d"] * 2048)


def test_merge_of_trees_deeper_than_any_path_is_refused(trees: TreeObjects) -> None:
    base, ours, theirs = (trees.chain("d", 10_000, data) for data in (b"1", b"2", b"3"))
    with pytest.raises(ValueError, match="is longer than 4095 bytes"):
        merge_directories(base, ours, theirs, trees.read)


def test_merge_of_a_tree_that_is_missing_raises_what_the_reader_raises(
    trees: TreeObjects,
) -> None:
    def fail(wanted: Content) -> bytes:
        raise KeyError(wanted.digest)

    base, ours, theirs = (trees.build({"a": data}) for data in (b"1", b"2", b"3"))
    with pytest.raises(KeyError):
        merge_directories(base, ours, theirs, fail)
