from __future__ import annotations

from itertools import pairwise

import pytest

from mlv.core import tree_limits
from mlv.core.run import Content
from mlv.core.tree_diff import diff_directories
from mlv.core.tree_limits import MAX_DEPTH, MAX_DESCENTS, Descents, check_descents
from mlv.core.tree_merge import merge_directories
from tests.unit.core.builders import content
from tests.unit.core.tree_objects import TreeObjects, directory_entry


@pytest.fixture
def trees() -> TreeObjects:
    return TreeObjects()


def _double(trees: TreeObjects, n_levels: int, data: bytes) -> Content:
    tree = trees.build({"file": data})
    for _ in range(n_levels):
        tree = trees.add([directory_entry(name, tree) for name in "ab"])
    return tree


def _spread(n_times: int) -> dict[Content, list[Content]]:
    """Return a directory that holds another one so often, which holds one of files."""
    return {content(b"top"): [content(b"inner")] * n_times, content(b"inner"): [content(b"leaf")]}


def test_directory_with_directories_may_come_so_often_and_no_more() -> None:
    check_descents(content(b"top"), _spread(MAX_DESCENTS))
    with pytest.raises(ValueError, match=r"comes too often: more than 1,000,000 times$"):
        check_descents(content(b"top"), _spread(MAX_DESCENTS + 1))


def test_directory_of_files_may_come_a_million_times() -> None:
    check_descents(content(b"top"), {content(b"top"): [content(b"leaf")] * 1_000_000})


def test_doubled_directories_are_counted_without_a_walk() -> None:
    names = [content(b"%d" % number) for number in range(65)]
    inner = {outer: [below, below] for outer, below in pairwise(names)}
    with pytest.raises(ValueError, match="comes too often"):
        check_descents(names[0], inner)
    check_descents(names[0], {outer: inner[outer] for outer in names[:17]})


def test_walk_goes_down_as_deep_as_a_checkout_writes(trees: TreeObjects) -> None:
    descents = Descents((), trees.read)
    descents.go_down(content(b"tree"), MAX_DEPTH - 2)
    with pytest.raises(ValueError, match="more than 1024 directories one in another"):
        descents.go_down(content(b"tree"), MAX_DEPTH - 1)


def test_trees_are_read_once_when_one_comes_often_and_that_is_right(
    trees: TreeObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree_limits, "_SUSPICIOUS", 3)
    top = _double(trees, 5, b"1")
    descents = Descents((top,), trees.read)
    for _ in range(3):
        descents.go_down(top)
    assert trees.reads == []
    for _ in range(100):
        descents.go_down(top)
    assert len(trees.reads) == 6


@pytest.mark.parametrize("is_new", [True, False])
def test_diff_of_directories_without_end_is_refused(trees: TreeObjects, *, is_new: bool) -> None:
    before, after = _double(trees, 64, b"1"), _double(trees, 64, b"2")
    with pytest.raises(ValueError, match="comes too often"):
        list(diff_directories(None if is_new else before, after, trees.read))
    assert len(trees.reads) < 20_000


def test_merge_of_directories_without_end_is_refused(trees: TreeObjects) -> None:
    base, ours, theirs = (_double(trees, 64, data) for data in (b"1", b"2", b"3"))
    for old in (base, None):
        with pytest.raises(ValueError, match="comes too often"):
            merge_directories(old, ours, theirs, trees.read)


def test_directories_that_come_often_are_merged(trees: TreeObjects) -> None:
    base, ours, theirs = (_double(trees, 12, data) for data in (b"1", b"2", b"3"))
    assert len(merge_directories(base, ours, theirs, trees.read).conflicts) == 4096
