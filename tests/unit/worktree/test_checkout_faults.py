from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

import pytest

from mlv.core.digest import digest_of
from mlv.core.paths import RepoPath
from mlv.core.tree import TreeChange, TreeEntry
from mlv.errors import CorruptDataError, MissingObjectError, StorageError, WorktreeError
from mlv.store.layout import Layout
from mlv.worktree import temporary
from mlv.worktree.handles import opened_directory
from mlv.worktree.temporary import new_file, staging_directory
from tests.support.unprivileged import as_nobody, let_everybody_in
from tests.unit.worktree.checkout_place import Place
from tests.unit.worktree.disk_trees import File, Link, Tree, keep, make, read

BEFORE: Tree = {b"a": File(b"1"), b"d": {b"x": File(b"x"), b"y": File(b"y")}, b"gone": File(b"g")}
AFTER: Tree = {
    b"a": File(b"2"),
    b"d": {b"x": File(b"X"), b"y": File(b"Y")},
    b"n": {b"m": {b"k": File(b"new"), b"l": Link(b"k")}},
}


def _fail_at(monkeypatch: pytest.MonkeyPatch, count: int, fail: Callable[[], NoReturn]) -> None:
    """Let the write with that number fail, counted from 0."""
    real, n_calls = os.write, iter(range(1_000_000))

    def write(descriptor: int, data: bytes) -> int:
        if next(n_calls) == count:
            fail()
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", write)


def _full_disk() -> NoReturn:
    raise OSError(errno.ENOSPC, "No space left on device")


def _interrupt() -> NoReturn:
    raise KeyboardInterrupt


def _mixed(found: object) -> bool:
    """Tell whether every file is as it was or as it shall be."""
    assert isinstance(found, dict)
    names = [(b"a",), (b"d", b"x"), (b"d", b"y")]

    def look(tree: object, way: tuple[bytes, ...]) -> object:
        for name in way:
            tree = tree[name]  # type: ignore[index]
        return tree

    return all(look(found, way) in (look(BEFORE, way), look(AFTER, way)) for way in names)


@pytest.mark.parametrize("count", range(4))
@pytest.mark.parametrize(
    ("fail", "error"), [(_full_disk, StorageError), (_interrupt, KeyboardInterrupt)]
)
def test_failure_leaves_each_file_as_it_was_or_shall_be(
    here: Place,
    monkeypatch: pytest.MonkeyPatch,
    count: int,
    fail: Callable[[], NoReturn],
    error: type[BaseException],
) -> None:
    make(here.root / "top", BEFORE)
    changes = here.changes(BEFORE, AFTER)
    with monkeypatch.context() as patch:
        _fail_at(patch, count, fail)
        with pytest.raises(error):
            here.apply(*changes)
    assert _mixed(read(here.root / "top"))
    assert here.leftovers == []
    here.apply(*changes)
    assert read(here.root / "top") == AFTER


@pytest.mark.parametrize("count", range(4))
def test_killed_process_leaves_only_temporary_names_which_the_next_one_removes(
    here: Place, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    make(here.root / "top", BEFORE)
    changes = here.changes(BEFORE, AFTER)
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            _fail_at(monkeypatch, count, lambda: os.kill(os.getpid(), signal.SIGKILL))  # type: ignore[arg-type, return-value]
            here.apply(*changes)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert here.leftovers != []
    assert _mixed(read(here.root / "top"))
    here.apply(*changes)
    assert read(here.root) == {b"top": AFTER}


def test_staging_directory_that_cannot_be_removed_hides_no_error(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> NoReturn:
        raise OSError(errno.EIO, "Input/output error")

    make(here.root / "top", BEFORE)
    changes = here.changes(BEFORE, AFTER)
    with monkeypatch.context() as patch:
        patch.setattr(temporary, "remove_tree", fail)
        here.apply(*changes)
        assert here.leftovers != []
        with (
            opened_directory(here.root, []) as directory,
            pytest.raises(KeyError),
            staging_directory(directory),
        ):
            raise KeyError
    here.apply(*here.changes(AFTER, BEFORE))
    here.put(File(b"x"), "other")
    assert here.leftovers == []


def test_file_that_cannot_be_removed_hides_no_error(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> NoReturn:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(temporary, "unlink", fail)
    with (
        opened_directory(here.root, []) as directory,
        pytest.raises(KeyError),
        new_file(directory),
    ):
        raise KeyError


def test_what_a_living_process_makes_is_not_removed(here: Place) -> None:
    make(here.root / "top", BEFORE)
    with (
        opened_directory(here.root, [b"top"]) as directory,
        staging_directory(directory) as (name, _),
    ):
        here.switch(BEFORE, AFTER)
        assert (here.root / "top" / os.fsdecode(name)).is_dir()
    assert read(here.root) == {b"top": AFTER}


def test_names_of_the_user_that_look_alike_are_not_removed(here: Place) -> None:
    mine: Tree = {b".mlv-notes.tmp": File(b"1"), b".mlv-0123456789xy.tmp": File(b"2")}
    make(here.root, mine)
    here.put(File(b"x"))
    assert read(here.root) == {**mine, b"top": File(b"x")}


@pytest.fixture(params=["here", "in other processes"])
def anywhere(request: pytest.FixtureRequest) -> None:
    if request.param != "here":
        request.getfixturevalue("two_workers")


def _break(layout: Layout) -> None:
    """Change a byte of the object that begins with a certain word."""
    for pack in layout.packs.glob("*/*"):
        data = bytearray(pack.read_bytes())
        at = data.find(b"breaks")
        if at >= 0:
            data[at] ^= 1
            pack.chmod(0o644)
            pack.write_bytes(data)


@pytest.mark.parametrize("size", [6, 3_000_000])
def test_damaged_object_appears_nowhere(here: Place, anywhere: None, size: int) -> None:
    content = b"breaks" + os.urandom(size - 6)
    tree: Tree = {
        b"%d" % n: {b"a": File(b"%d" % n), b"z": File(content if n == 7 else b"fine")}
        for n in range(20)
    }
    entry = keep(here.objects, tree)
    _break(here.layout)
    with pytest.raises(CorruptDataError):
        here.apply(TreeChange(path=RepoPath("top"), before=None, after=entry))
    assert read(here.root) == {}


def test_missing_object_changes_nothing(here: Place, anywhere: None) -> None:
    missing = TreeEntry(name="b", kind="file", digest=digest_of(b"none"), size_bytes=4)
    make(here.root / "a", File(b"1"))
    with pytest.raises(MissingObjectError):
        here.apply(
            here.change(File(b"1"), File(b"2"), "a"),
            TreeChange(path=RepoPath("b"), before=None, after=missing),
        )
    assert read(here.root) == {b"a": File(b"1")}


@pytest.fixture
def shared_place(here: Place) -> Place:
    """A place that every user can reach."""
    let_everybody_in(here.directory)
    return here


def test_directory_that_may_not_be_written_is_named(shared_place: Place) -> None:
    here = shared_place
    make(here.root / "top", {b"a": File(b"1"), b"d": {b"x": File(b"x")}})
    change = here.change(File(b"1"), File(b"2"), "top/a")
    new = here.change(None, {b"n": File(b"n")}, "top/d/new")
    for path in (here.root / "top", here.root / "top/d"):
        path.chmod(0o555)

    def act() -> None:
        for each, place in ((change, "top"), (new, "top/d")):
            with pytest.raises(WorktreeError) as caught:
                here.apply(each)
            expected = f"cannot write files into {place!r}: permission denied"
            assert caught.value.message == expected

    as_nobody(act)
    assert read(here.root / "top") == {b"a": File(b"1"), b"d": {b"x": File(b"x")}}


def test_file_that_may_not_be_read_is_kept(shared_place: Place) -> None:
    here = shared_place
    here.root.chmod(0o777)
    make(here.root / "a", File(b"1"))
    (here.root / "a").chmod(0)
    change = here.change(File(b"1"), File(b"2"), "a")

    def act() -> None:
        assert here.apply(change).kept == ("a",)

    as_nobody(act)
