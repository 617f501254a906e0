from __future__ import annotations

import errno
import os
import signal
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from mlv.core.digest import digest_of
from mlv.core.link_type import SharedLinkType
from mlv.core.paths import RepoPath
from mlv.core.run import Content
from mlv.core.tree import TreeChange, TreeEntry
from mlv.errors import NotPossibleError
from mlv.store.adoption import adopt
from mlv.store.layout import Layout, create_store
from mlv.store.objects import ObjectStore
from mlv.store.whole import WholeObjects
from mlv.worktree import links
from mlv.worktree.checkout.check_out import check_out
from mlv.worktree.checkout.request import CheckedOut, CheckOutRequest
from mlv.worktree.linked import find_linked_object
from mlv.worktree.links import (
    choose_link_type,
    find_damaged,
    find_shared_object,
    is_shared,
    mend,
    share,
    unshare,
)
from tests.unit.worktree.disk_trees import File, Tree, keep, read

DATA = b"some data"
CONTENT = Content(digest=digest_of(DATA), size_bytes=len(DATA))
LINKING: list[SharedLinkType] = ["hardlink", "symlink"]
OTHER_FILE_SYSTEM = Path("/dev/shm")  # noqa: S108 - only a fast file system of its own


class Place:
    """A worktree with a store in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(exist_ok=True)
        self.layout: Layout = create_store(root / ".mlv", clone_id="c0ffee")
        self.whole = WholeObjects(self.layout)
        self.objects = ObjectStore(self.layout)

    @property
    def object_file(self) -> Path:
        """The whole object that holds `DATA`."""
        return self.layout.object_file(CONTENT.digest)

    def write(self, name: str, data: bytes = DATA) -> Path:
        """Write a file of the user."""
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        return path

    def track(self, name: str, link_type: SharedLinkType) -> Path:
        """Write a file, and share it with the store."""
        path = self.write(name)
        content = adopt(self.whole, path, link_type)
        share(self.whole, path, content, link_type)
        return path

    def check_out(
        self, before: TreeEntry | None, after: TreeEntry | None, link_type: SharedLinkType
    ) -> CheckedOut:
        """Make the path `top` what it shall be."""
        change = TreeChange(path=RepoPath("top"), before=before, after=after)
        request = CheckOutRequest(root=self.root, changes=(change,), link_type=link_type)
        return check_out(self.objects, self.layout, request)


@pytest.fixture
def here(tmp_path: Path) -> Place:
    return Place(tmp_path / "root")


def _edit(path: Path, data: bytes) -> None:
    """Edit a shared file all the same."""
    path.chmod(0o644)
    path.write_bytes(data)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize("name", ["file", "inner/file"])
def test_hard_linked_file_is_the_object(here: Place, name: str) -> None:
    path = here.track(name, "hardlink")
    assert os.path.samestat(path.lstat(), here.object_file.stat())
    assert (path.read_bytes(), _mode(path)) == (DATA, 0o444)


@pytest.mark.parametrize("name", ["file", "inner/file"])
def test_symbolic_link_leads_to_the_object_wherever_the_repository_is(
    here: Place, name: str
) -> None:
    path = here.track(name, "symlink")
    assert path.is_symlink()
    moved = here.root.with_name("moved")
    here.root.rename(moved)
    assert (moved / name).read_bytes() == DATA


def _die_before(count: int) -> None:
    """Let this process die instead of its next change of names but `count`."""
    n_calls = iter(range(1_000_000))

    def wrap(real: Callable[..., object]) -> Callable[..., object]:
        def wrapped(*arguments: object, **options: object) -> object:
            if next(n_calls) == count:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)

        return wrapped

    for name in ("link", "symlink", "rename", "replace", "unlink", "fchmod", "mkdir", "rmdir"):
        setattr(os, name, wrap(getattr(os, name)))


@pytest.mark.parametrize("action", ["share", "unshare"])
@pytest.mark.parametrize("twin", [False, True])
@pytest.mark.parametrize("link_type", LINKING)
def test_killed_process_loses_nothing(
    here: Place, link_type: SharedLinkType, action: str, *, twin: bool
) -> None:
    if twin:
        here.track("twin", link_type)
    path = here.root / "file"
    count, was_killed = 0, True
    while was_killed:
        path.unlink(missing_ok=True)
        if action == "unshare":
            here.track("file", link_type)
        else:
            here.write("file")
        child = os.fork()
        if child == 0:
            with suppress(BaseException):
                _die_before(count)
                if action == "unshare":
                    unshare(here.layout, path)
                else:
                    content = adopt(here.whole, path, link_type)
                    share(here.whole, path, content, link_type)
            os._exit(0)
        was_killed = os.waitpid(child, 0)[1] == signal.SIGKILL
        assert path.read_bytes() == DATA
        assert all(each.read_bytes() == DATA for each in here.layout.objects.glob("*/*"))
        count += 1
    assert count > 3
    assert is_shared(here.layout, path) == (action == "share")


@pytest.mark.parametrize("link_type", LINKING)
def test_second_file_with_the_same_content_takes_no_room(
    here: Place, link_type: SharedLinkType
) -> None:
    here.track("first", link_type)
    second = here.track("second", link_type)
    assert os.path.samestat(second.stat(), here.object_file.stat())


@pytest.mark.parametrize("link_type", LINKING)
@pytest.mark.parametrize("data", [b"", DATA])
def test_executable_and_empty_files_stay_files_of_their_own(
    here: Place, link_type: SharedLinkType, data: bytes
) -> None:
    path = here.write("file", data)
    path.chmod(0o755 if data else 0o644)
    content = adopt(here.whole, path, link_type)
    assert not share(here.whole, path, content, link_type)
    assert (path.is_symlink(), path.stat().st_nlink, path.read_bytes()) == (False, 1, data)


@pytest.mark.parametrize("link_type", LINKING)
def test_file_with_a_writer_stays_a_file_of_its_own(here: Place, link_type: SharedLinkType) -> None:
    path = here.write("file")
    with path.open("ab") as writer:
        content = adopt(here.whole, path, link_type)
        assert not share(here.whole, path, content, link_type)
        writer.write(b", and more")
    assert path.read_bytes() == DATA + b", and more"
    assert here.object_file.read_bytes() == DATA


@pytest.mark.parametrize("link_type", LINKING)
def test_file_that_changed_since_it_was_stored_is_left_alone(
    here: Place, link_type: SharedLinkType
) -> None:
    here.track("first", link_type)
    path = here.write("second")
    content = adopt(here.whole, path, link_type)
    path.write_bytes(b"newer")
    assert not share(here.whole, path, content, link_type)
    assert path.read_bytes() == b"newer"


@pytest.mark.parametrize("link_type", LINKING)
def test_good_file_takes_the_place_of_a_damaged_object(
    here: Place, link_type: SharedLinkType
) -> None:
    _edit(here.track("first", "hardlink"), DATA.upper())
    path = here.write("second")
    content = adopt(here.whole, path, link_type)
    share(here.whole, path, content, link_type)
    assert path.read_bytes() == here.object_file.read_bytes() == DATA


@pytest.mark.parametrize("code", [errno.EMLINK, errno.EXDEV, errno.EPERM])
def test_file_that_cannot_be_linked_stays_as_it_is(
    here: Place, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    here.track("first", "hardlink")
    path = here.write("second")
    content = adopt(here.whole, path, "hardlink")

    def link(*_arguments: object, **_options: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", link)
    assert not share(here.whole, path, content, "hardlink")
    assert (path.read_bytes(), path.stat().st_nlink) == (DATA, 1)
    assert [each.name for each in here.root.glob(".mlv-*")] == []


@pytest.mark.parametrize("link_type", LINKING)
def test_shared_file_is_known_by_its_object(here: Place, link_type: SharedLinkType) -> None:
    path = here.track("file", link_type)
    assert find_shared_object(here.layout, path) == CONTENT.digest
    assert is_shared(here.layout, path)


def test_links_of_the_user_are_not_shared(here: Place) -> None:
    path = here.write("file")
    os.link(path, here.root / "twin")
    (here.root / "link").symlink_to("file")
    (here.root / "into-store").symlink_to(".mlv/format")
    for name in ("file", "twin", "link", "into-store"):
        assert not is_shared(here.layout, here.root / name)


@pytest.mark.parametrize(
    ("target", "is_object"),
    [
        (b"../.mlv/objects/%b/%b", True),
        (b"/r/.mlv/objects/%b/%b", True),
        (b"./x/../../.mlv/objects/%b/%b", True),
        (b".mlv/objects/%b/%b", False),
        (b"../.mlv/packs/%b/%b", False),
        (b"../.mlv/objects/%b%b", False),
        (b"../.mlv/objects/%b/%b/x", False),
        (b"../.mlv/objects/%b/x%b", False),
    ],
)
def test_symbolic_link_stands_for_an_object_by_where_it_leads(
    target: bytes, *, is_object: bool
) -> None:
    digest = CONTENT.digest.encode()
    found = find_linked_object(b"/r/.mlv/objects", b"/r/d", target % (digest[:2], digest[2:]))
    assert found == (CONTENT.digest if is_object else None)


@pytest.mark.parametrize("link_type", LINKING)
def test_unshared_file_can_be_edited(here: Place, link_type: SharedLinkType) -> None:
    path = here.track("file", link_type)
    assert unshare(here.layout, path)
    assert not is_shared(here.layout, path)
    path.write_bytes(b"edited")
    assert here.object_file.read_bytes() == DATA
    assert not unshare(here.layout, path)


@pytest.mark.parametrize("link_type", LINKING)
def test_edit_through_a_link_is_found_and_mended(here: Place, link_type: SharedLinkType) -> None:
    path = here.track("file", link_type)
    assert find_damaged(here.whole, path) is None
    _edit(path, b"edited")
    assert find_damaged(here.whole, path) == Content(digest=CONTENT.digest, size_bytes=6)
    away = mend(here.whole, path, CONTENT.digest, lambda: [DATA])
    assert (path.read_bytes(), is_shared(here.layout, path)) == (b"edited", False)
    assert (here.object_file.read_bytes(), away.read_bytes()) == (DATA, b"edited")
    assert find_damaged(here.whole, path) is None


@pytest.mark.parametrize("link_type", LINKING)
def test_edit_is_not_lost_when_nothing_else_has_the_object(
    here: Place, link_type: SharedLinkType
) -> None:
    path = here.track("file", link_type)
    _edit(path, b"edited")
    away = mend(here.whole, path, CONTENT.digest, None)
    assert (path.read_bytes(), away.read_bytes()) == (b"edited", b"edited")
    assert not here.object_file.exists()


def test_reflink_is_refused_where_it_cannot_be_had(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "can_clone", lambda _layout, _directory: False)
    assert choose_link_type(here.layout, here.root, "auto") == "copy"
    with pytest.raises(NotPossibleError, match="cannot be reflinks"):
        choose_link_type(here.layout, here.root, "reflink")


TREE: Tree = {
    b"file": File(DATA),
    b"exec": File(DATA, "exec"),
    b"empty": File(),
    b"inner": {b"deeper": {b"file": File(b"deep" * 300_000)}},
}


@pytest.mark.parametrize("link_type", LINKING)
def test_check_out_shares_what_it_can(here: Place, link_type: SharedLinkType) -> None:
    entry = keep(here.objects, TREE)
    here.check_out(None, entry, link_type)
    top = here.root / "top"
    shared = {
        path.relative_to(top).as_posix()
        for path in top.rglob("*")
        if (path.is_file() or path.is_symlink()) and is_shared(here.layout, path)
    }
    assert shared == {"file", "inner/deeper/file"}
    assert (top / "inner/deeper/file").read_bytes() == b"deep" * 300_000
    assert (_mode(top / "exec"), _mode(top / "empty")) == (0o755, 0o644)


@pytest.mark.parametrize("link_type", LINKING)
def test_check_out_replaces_a_shared_file_and_not_its_object(
    here: Place, link_type: SharedLinkType
) -> None:
    old, new = keep(here.objects, File(DATA)), keep(here.objects, File(b"new"))
    here.check_out(None, old, link_type)
    done = here.check_out(old, new, link_type)
    assert (done.kept, (here.root / "top").read_bytes()) == ((), b"new")
    assert here.object_file.read_bytes() == DATA
    assert here.check_out(new, None, link_type).n_removed == 1
    assert not os.path.lexists(here.root / "top")


@pytest.mark.parametrize("link_type", LINKING)
def test_check_out_of_a_mode_leaves_the_object_as_it_is(
    here: Place, link_type: SharedLinkType
) -> None:
    old, new = keep(here.objects, File(DATA)), keep(here.objects, File(DATA, "exec"))
    here.check_out(None, old, link_type)
    here.check_out(old, new, link_type)
    assert read(here.root / "top") == File(DATA, "exec")
    assert _mode(here.object_file) == 0o444
    here.check_out(new, old, link_type)
    assert (here.root / "top").read_bytes() == DATA


@pytest.mark.parametrize("link_type", LINKING)
def test_check_out_keeps_what_was_edited_through_its_link(
    here: Place, link_type: SharedLinkType
) -> None:
    old, new = keep(here.objects, File(DATA)), keep(here.objects, File(b"new"))
    here.check_out(None, old, "hardlink")
    _edit(here.root / "top", b"EDITED IT")
    assert here.check_out(old, new, link_type).kept == ("top",)
    assert (here.root / "top").read_bytes() == b"EDITED IT"


@pytest.mark.parametrize("link_type", LINKING)
def test_check_out_does_not_hand_out_an_edited_object(
    here: Place, link_type: SharedLinkType
) -> None:
    entry = keep(here.objects, File(DATA))
    _edit(here.track("file", "hardlink"), DATA.upper())
    here.check_out(None, entry, link_type)
    assert (here.root / "top").read_bytes() == DATA


def test_check_out_copies_what_has_too_many_links(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = keep(here.objects, File(DATA))

    def link(*_arguments: object, **_options: object) -> None:
        raise OSError(errno.EMLINK, "Too many links")

    monkeypatch.setattr(os, "link", link)
    here.check_out(None, entry, "hardlink")
    assert read(here.root / "top") == File(DATA)
    assert (here.root / "top").stat().st_nlink == 1


@pytest.mark.skipif(
    not OTHER_FILE_SYSTEM.is_dir() or not os.access(OTHER_FILE_SYSTEM, os.W_OK),
    reason="needs a second file system in /dev/shm",
)
@pytest.mark.parametrize("link_type", LINKING)
def test_worktree_on_another_file_system_gets_copies_or_symbolic_links(
    tmp_path: Path, link_type: SharedLinkType
) -> None:
    here = Place(tmp_path / "root")
    with tempfile.TemporaryDirectory(dir=OTHER_FILE_SYSTEM) as other:
        here.root = Path(other)
        here.check_out(None, keep(here.objects, File(DATA)), link_type)
        path = Path(other) / "top"
        assert path.read_bytes() == DATA
        assert path.is_symlink() == (link_type == "symlink")
        inner = Path(other) / "file"
        inner.write_bytes(DATA)
        content = adopt(here.whole, inner, link_type)
        assert share(here.whole, inner, content, link_type) == (link_type == "symlink")
        assert inner.read_bytes() == DATA
