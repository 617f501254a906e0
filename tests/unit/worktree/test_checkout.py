from __future__ import annotations

import os
import stat

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlv.core.paths import RepoPath, escape_name
from mlv.core.tree import TreeChange
from mlv.errors import MissingObjectError
from mlv.store.objects import ObjectStore
from mlv.store.stable_read import file_state
from mlv.worktree.checkout.check_out import check_out
from mlv.worktree.checkout.request import CheckedOut, CheckOutRequest
from tests.unit.worktree.checkout_place import Place
from tests.unit.worktree.disk_trees import File, Link, Tree, keep, make, read

LARGE = bytes(range(256)) * 9000
SPARSE = b"begin" + bytes(3 << 20) + b"end" + bytes(2 << 20)
EVERYTHING: Tree = {
    b"file": File(b"content"),
    b"empty": File(),
    b"large": File(LARGE),
    b"sparse": File(SPARSE),
    b"run.sh": File(b"#!/bin/sh\n", "exec"),
    b"link": Link(b"file"),
    b"dangling": Link(b"../nowhere"),
    b"latin-\xe9": File(b"x"),
    b"new\nline": File(b"y"),
    b"x" * 255: File(b"z"),
    b"empty-directory": {},
    b"one": {b"two": {b"three": {b"deep": File(b"deep"), b"up": Link(b"../..")}}},
}


def test_new_directory_is_what_was_stored(here: Place) -> None:
    done = here.put(EVERYTHING)
    assert read(here.root) == {b"top": EVERYTHING}
    assert (done.n_written, done.n_removed, done.kept) == (12, 0, ())


def test_new_directory_is_the_same_with_several_processes(here: Place, two_workers: None) -> None:
    files: Tree = {b"%d" % n: File(b"%d" % n) for n in range(3000)}
    wide: Tree = {b"flat": files, b"deep": EVERYTHING, **EVERYTHING}
    done = here.put(wide)
    assert read(here.root) == {b"top": wide}
    assert done.n_written == 3024


@pytest.mark.parametrize("workers", [False, True])
def test_directory_of_very_many_files_is_written_bucket_by_bucket(
    here: Place, request: pytest.FixtureRequest, *, workers: bool
) -> None:
    if workers:
        request.getfixturevalue("two_workers")
    tree: Tree = {b"%d" % n: File(b"%d" % (n % 7)) for n in range(5000)}
    tree = {**tree, b"d": {b"x": File(b"x")}, b"l": Link(b"d")}
    assert here.put(tree).n_written == 5002
    assert read(here.root) == {b"top": tree}


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_modes_are_those_of_new_files(here: Place, umask: int) -> None:
    before = os.umask(umask)
    try:
        here.put({b"file": File(b"x"), b"exec": File(b"x", "exec")})
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((here.root / "top" / name).stat().st_mode) for name in ("file", "exec")]
    assert modes == [0o666 & ~umask, 0o777 & ~umask]
    assert stat.S_IMODE((here.root / "top").stat().st_mode) == 0o777 & ~umask


def test_holes_are_holes_again(here: Place) -> None:
    here.put(File(bytes(64 << 20) + b"end"))
    found = (here.root / "top").stat()
    assert found.st_size == (64 << 20) + 3
    assert found.st_blocks * 512 < 8 << 20


SWITCHES: list[tuple[Tree, Tree]] = [
    ({}, EVERYTHING),
    (EVERYTHING, {}),
    ({b"a": File(b"1")}, {b"a": File(b"2")}),
    ({b"a": File(b"1")}, {b"a": File(b"1", "exec")}),
    ({b"a": File(b"1", "exec")}, {b"a": File(b"1")}),
    ({b"a": File(b"1")}, {b"a": Link(b"b")}),
    ({b"a": Link(b"b")}, {b"a": Link(b"c")}),
    ({b"a": Link(b"../../outside")}, {b"a": {b"precious": File(b"new")}}),
    ({b"a": File(b"1")}, {b"a": {b"b": {b"c": File(b"2")}}}),
    ({b"a": {b"b": {b"c": File(b"2")}}}, {b"a": File(b"1")}),
    ({b"a": {b"b": {b"c": File(b"2")}}}, {b"a": Link(b"b")}),
    ({b"a": {}}, {b"a": File(b"1")}),
    ({b"a": File(b"1")}, {b"a": {}}),
    ({b"a": {}}, {b"a": {b"b": File(b"1")}}),
    ({b"a": {b"b": File(b"1")}}, {b"a": {}}),
    ({b"a": {b"b": File(b"1")}, b"c": File(b"2")}, {b"c": File(b"2")}),
    ({b"a": {b"b": {}}}, {b"a": {b"c": {}}}),
]


@pytest.mark.parametrize(("before", "after"), SWITCHES)
def test_directory_becomes_the_other_version(here: Place, before: Tree, after: Tree) -> None:
    make(here.root / "top", before)
    done = here.switch(before, after)
    assert read(here.root) == {b"top": after}
    assert done.kept == ()
    assert here.everything == {
        b"root": {b"top": after},
        b"outside": {b"precious": File(b"precious")},
    }


_leaves = st.one_of(
    st.builds(File, st.sampled_from([b"", b"1", b"2"]), st.sampled_from(["file", "exec"])),
    st.builds(Link, st.sampled_from([b"a", b"../../outside"])),
)
_trees = st.recursive(
    st.dictionaries(st.sampled_from([b"a", b"b", b"c"]), _leaves, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from([b"a", b"b", b"c"]), _leaves | inner, max_size=3),
    max_leaves=8,
)


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(before=_trees, after=_trees)
def test_any_directory_becomes_any_other(
    tmp_path_factory: pytest.TempPathFactory, before: Tree, after: Tree
) -> None:
    here = Place(tmp_path_factory.mktemp("switch"))
    make(here.root / "top", before)
    done = here.switch(before, after)
    assert read(here.root) == {b"top": after}
    assert done.kept == ()
    assert read(here.directory / "outside") == {b"precious": File(b"precious")}


def test_what_is_not_among_the_changes_is_not_touched(here: Place) -> None:
    before: Tree = {b"a": File(b"1"), b"same": File(b"same"), b"d": {b"x": File(b"x")}}
    make(here.root / "top", {**before, b"mine": File(b"m"), b"d": {b"x": File(b"x"), b"m": File()}})
    inode = (here.root / "top/same").stat().st_ino
    here.switch(before, {b"a": File(b"2"), b"same": File(b"same")})
    assert read(here.root / "top") == {
        b"a": File(b"2"),
        b"same": File(b"same"),
        b"mine": File(b"m"),
        b"d": {b"m": File()},
    }
    assert (here.root / "top/same").stat().st_ino == inode


EDITS: list[tuple[File | Link | Tree | None, File | Link | Tree | None, File | Link | Tree]] = [
    (File(b"old"), File(b"new"), File(b"mine")),
    (File(b"old"), File(b"new"), File(b"OLD")),
    (File(b"old"), File(b"new"), File(b"old", "exec")),
    (File(b"old"), File(b"new"), Link(b"../outside/precious")),
    (File(b"old"), File(b"new"), {b"mine": File(b"mine")}),
    (File(b"old"), File(b"old", "exec"), File(b"mine")),
    (File(b"old"), None, File(b"OLD")),
    (Link(b"old"), Link(b"new"), Link(b"mine")),
    (Link(b"old"), None, File(b"old")),
    (None, File(b"new"), File(b"mine")),
    (None, Link(b"new"), File(b"new")),
    (None, File(b"new"), {b"mine": File(b"mine")}),
    (None, {b"new": File(b"new")}, File(b"mine")),
    (File(b"old"), {b"new": File(b"new")}, File(b"mine")),
]


@pytest.mark.parametrize(("before", "after", "found"), EDITS)
def test_what_somebody_changed_is_kept_and_named(
    here: Place,
    before: File | Link | Tree | None,
    after: File | Link | Tree | None,
    found: File | Link | Tree,
) -> None:
    make(here.root / "top", found)
    done = here.apply(here.change(before, after, "top"))
    assert here.everything == {
        b"root": {b"top": found},
        b"outside": {b"precious": File(b"precious")},
    }
    assert done.kept == ("top",)
    assert here.leftovers == []


@pytest.mark.parametrize("after", [File(b"new"), Link(b"new"), None])
def test_what_is_there_already_is_not_named(here: Place, after: File | Link | None) -> None:
    if after is not None:
        make(here.root / "top", after)
    done = here.apply(here.change(File(b"old"), after, "top"))
    assert read(here.root / "top") == after
    assert done == CheckedOut()


def test_file_with_a_known_state_is_not_read(here: Place) -> None:
    (here.root / "top").write_bytes(b"not what it is said to be")
    states = {RepoPath("top"): file_state((here.root / "top").stat())}
    assert here.apply(here.change(File(b"old"), File(b"new"), "top"), states=states).kept == ()
    assert read(here.root / "top") == File(b"new")


def test_file_with_another_state_than_the_known_one_is_read(here: Place) -> None:
    (here.root / "top").write_bytes(b"old")
    states = {RepoPath("top"): file_state((here.root / "top").stat())}
    (here.root / "top").write_bytes(b"new by somebody else")
    assert here.apply(here.change(File(b"old"), None, "top"), states=states).kept == ("top",)


def test_hard_link_of_the_user_keeps_mode_and_content(here: Place) -> None:
    make(here.root / "top", File(b"old"))
    os.link(here.root / "top", here.directory / "twin")
    here.apply(here.change(File(b"old"), File(b"old", "exec"), "top"))
    assert read(here.root / "top") == File(b"old", "exec")
    assert read(here.directory / "twin") == File(b"old")


def test_change_of_mode_leaves_the_file_itself(here: Place) -> None:
    make(here.root / "top", File(b"old"))
    inode = (here.root / "top").stat().st_ino
    here.apply(here.change(File(b"old"), File(b"old", "exec"), "top"))
    found = (here.root / "top").stat()
    assert (found.st_ino, stat.S_IMODE(found.st_mode)) == (inode, 0o755)


def test_progress_adds_up(here: Place, two_workers: None) -> None:
    seen: list[tuple[int, int]] = []
    files: Tree = {b"%d" % n: File(b"12345") for n in range(2000)}
    asked = CheckOutRequest(
        root=here.root, changes=(here.change(None, {b"f": files, b"l": Link(b"f")}, "top"),)
    )
    check_out(
        here.objects, here.layout, asked, lambda n_files, n_bytes: seen.append((n_files, n_bytes))
    )
    assert (sum(each for each, _ in seen), sum(each for _, each in seen)) == (2001, 10000)


def test_progress_within_a_large_file_adds_up_too(here: Place) -> None:
    seen: list[tuple[int, int]] = []
    change = here.change(None, {b"large": File(LARGE), b"small": File(b"12345")}, "top")
    asked = CheckOutRequest(root=here.root, changes=(change,))
    check_out(
        here.objects, here.layout, asked, lambda n_files, n_bytes: seen.append((n_files, n_bytes))
    )
    assert (sum(each for each, _ in seen), sum(each for _, each in seen)) == (2, len(LARGE) + 5)
    assert len(seen) > 2


def test_directory_that_lost_its_last_file_goes_with_those_above_it(here: Place) -> None:
    make(here.root / "top", {b"a": {b"b": {b"c": File(b"1")}}})
    change = here.change(File(b"1"), None, "top/a/b/c")
    here.apply(change, stays=(RepoPath("top"),))
    assert read(here.root) == {b"top": {}}


def test_new_directories_in_very_many_places_are_made(here: Place) -> None:
    before: Tree = {b"%d" % n: {b"x": File(b"x")} for n in range(70)}
    after: Tree = {b"%d" % n: {b"x": File(b"x"), b"n": {b"y": File(b"y")}} for n in range(70)}
    make(here.root / "top", before)
    here.switch(before, after)
    assert read(here.root) == {b"top": after}


def test_name_in_a_change_may_need_an_escape(here: Place) -> None:
    path = escape_name(b"new\nline\xff")
    entry = keep(here.objects, File(b"x"), b"new\nline\xff")
    here.apply(TreeChange(path=RepoPath(path), before=None, after=entry))
    assert read(here.root) == {b"new\nline\xff": File(b"x")}


def test_error_of_a_helping_process_is_the_same_error(here: Place, two_workers: None) -> None:
    entry = keep(here.objects, {b"%d" % n: {b"x": File(b"%d" % n)} for n in range(20)})
    (here.layout.root / "packs").rename(here.layout.root / "away")
    (here.layout.root / "packs").mkdir()
    here.objects = ObjectStore(here.layout)
    with pytest.raises(MissingObjectError, match="is not in the store"):
        here.apply(TreeChange(path=RepoPath("top"), before=None, after=entry))
    assert read(here.root) == {}
