from __future__ import annotations

import os

import pytest

from mlv.core.digest import digest_of
from mlv.core.paths import RepoPath
from mlv.core.tree import TreeChange, TreeEntry
from mlv.core.tree_limits import MAX_DEPTH
from mlv.errors import CorruptDataError, WorktreeError
from mlv.worktree.checkout import check_out as check_out_module
from mlv.worktree.checkout import task
from mlv.worktree.checkout.folding import Folding
from mlv.worktree.handles import find_stat, opened_directory
from mlv.worktree.temporary import remove_tree
from tests.unit.worktree.checkout_place import Place
from tests.unit.worktree.disk_trees import File, Link, Tree, make, read


@pytest.mark.parametrize(
    "path",
    ["..", "../outside/x", "/etc/x", "a/../../outside/x", ".git/x", ".GIT/x", "a/git~1", ".mlv/x"],
)
def test_path_that_leads_elsewhere_is_refused_before_anything_is_done(
    here: Place, path: str
) -> None:
    make(here.root / "top", File(b"old"))
    before = here.everything
    with pytest.raises(WorktreeError, match="is not a path inside the worktree"):
        here.apply(
            here.change(File(b"old"), File(b"new"), "top"), here.change(None, File(b"evil"), path)
        )
    assert here.everything == before


@pytest.mark.parametrize(
    "name", [b"..", b".", b".git", b".GIT", b"git~1", b"a/b", b"/etc", b".mlv", b".g\xe2\x80\x8cit"]
)
@pytest.mark.parametrize("depth", [0, 2])
def test_hostile_tree_changes_nothing(here: Place, name: bytes, depth: int) -> None:
    evil = digest_of(b"evil")
    data = b"mlv-tree 1\nfile %b 4 fine\nfile %b 4 %b\n" % (evil.encode(), evil.encode(), name)
    with here.objects.transaction() as writer:
        writer.add_bytes(b"evil")
        content = writer.add_bytes(data)
        for _ in range(depth):
            inner = TreeEntry(
                name="inner", kind="dir", digest=content.digest, size_bytes=content.size_bytes
            )
            content = writer.add_tree([inner])
    entry = TreeEntry(name="top", kind="dir", digest=content.digest, size_bytes=content.size_bytes)
    before = here.everything
    with pytest.raises(CorruptDataError):
        here.apply(TreeChange(path=RepoPath("top"), before=None, after=entry))
    assert here.everything == before


@pytest.mark.parametrize("path", ["way-out/x", "way-out/new/x", "file/x"])
def test_nothing_is_written_through_what_lies_above(here: Place, path: str) -> None:
    make(here.root / "way-out", Link(b"../outside"))
    make(here.root / "file", File(b"mine"))
    before = here.everything
    with pytest.raises(WorktreeError, match="a file or a symbolic link is in the way at"):
        here.put(File(b"evil"), path)
    assert here.everything == before


def test_link_and_a_file_below_it_do_not_lead_out(here: Place) -> None:
    done = here.apply(
        here.change(None, Link(b"../outside"), "way"), here.change(None, File(b"evil"), "way/x")
    )
    assert here.everything == {
        b"root": {b"way": {b"x": File(b"evil")}},
        b"outside": {b"precious": File(b"precious")},
    }
    assert done.kept == ("way",)


def test_path_that_comes_twice_is_refused(here: Place) -> None:
    with pytest.raises(WorktreeError, match="'a' comes twice"):
        here.apply(here.change(None, File(b"1"), "a"), here.change(None, File(b"2"), "a"))
    assert read(here.root) == {}


def test_path_longer_than_the_system_takes_is_written(here: Place) -> None:
    names = [bytes([65 + n]) * 250 for n in range(20)]
    tree: Tree = {b"deep": File(b"deep")}
    for name in reversed(names):
        tree = {name: tree}
    here.put(tree)
    with opened_directory(here.root, [b"top", *names]) as directory:
        assert find_stat(b"deep", directory) is not None


def test_tree_that_is_too_deep_is_refused(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task, "MAX_DEPTH", 20)
    with here.objects.transaction() as writer:
        content = writer.add_tree([])
        for _ in range(20):
            inner = TreeEntry(
                name="d", kind="dir", digest=content.digest, size_bytes=content.size_bytes
            )
            content = writer.add_tree([inner])
    entry = TreeEntry(name="top", kind="dir", digest=content.digest, size_bytes=content.size_bytes)
    with pytest.raises(WorktreeError, match="are too deep to be written"):
        here.apply(TreeChange(path=RepoPath("top"), before=None, after=entry))
    assert read(here.root) == {}


def test_path_that_is_too_deep_is_refused_before_the_disk_is_looked_at(here: Place) -> None:
    make(here.root / "d", File(b"in the way"))
    with pytest.raises(WorktreeError, match="are too deep to be written"):
        here.put(File(b"new"), "/".join(["d"] * 100_000))


def test_deepest_paths_are_written_and_changed(here: Place) -> None:
    path = "/".join(["d"] * MAX_DEPTH)
    here.put(File(b"old"), path)
    here.apply(here.change(File(b"old"), File(b"new"), path))
    with opened_directory(here.root, [b"d"] * (MAX_DEPTH - 1)) as directory:
        descriptor = os.open("d", os.O_RDONLY, dir_fd=directory)
    assert os.read(descriptor, 9) == b"new"
    os.close(descriptor)
    with opened_directory(here.root, []) as directory:
        remove_tree(b"d", directory)  # pytest itself cannot


def test_directories_without_end_are_not_written(here: Place) -> None:
    with here.objects.transaction() as writer:
        content = writer.add_tree([])
        for _ in range(64):
            content = writer.add_tree(
                TreeEntry(
                    name=name, kind="dir", digest=content.digest, size_bytes=content.size_bytes
                )
                for name in ("a", "b")
            )
    entry = TreeEntry(name="top", kind="dir", digest=content.digest, size_bytes=content.size_bytes)
    with pytest.raises(CorruptDataError, match="comes too often"):
        here.apply(TreeChange(path=RepoPath("top"), before=None, after=entry))
    assert read(here.root) == {}


@pytest.mark.parametrize(
    "tree",
    [
        {b"README": File(b"1"), b"readme": File(b"2")},
        {b"inner": {b"a": File(b"1"), b"A": {}}},
        {"\u00e9".encode(): File(b"1"), "e\u0301".encode(): File(b"2")},
    ],
)
def test_names_that_are_one_file_here_are_refused(
    here: Place, monkeypatch: pytest.MonkeyPatch, tree: Tree
) -> None:
    folding = Folding(fold_case=True, normalize=True)
    monkeypatch.setattr(check_out_module, "probe_folding", lambda _directory: folding)
    make(here.root / "top", {})
    for changes in ((here.change(None, tree, "new"),), here.changes({}, tree)):
        with pytest.raises(WorktreeError, match="would be one file on this file system"):
            here.apply(*changes)
    assert read(here.root) == {b"top": {}}


def test_names_that_differ_in_case_are_two_files_where_they_may(here: Place) -> None:
    tree: Tree = {b"README": File(b"1"), b"readme": File(b"2")}
    here.put(tree)
    assert read(here.root) == {b"top": tree}
