"""Check-outs of data that somebody else interferes with, and several worktrees."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlv.app.data.checkout import CheckoutRequest, CheckoutResult, check_out_data
from mlv.app.data.track import TrackRequest, TrackResult, track
from mlv.app.publish import read_invocation
from mlv.app.reporter import SilentReporter
from mlv.app.worktree_lock import worktree_lock
from mlv.core.operation import ChangeData
from mlv.core.paths import RepoPath
from mlv.errors import LockedError, MissingObjectError, WorktreeError
from mlv.store.objects import content_of
from tests.support.repository import Repository
from tests.support.restoring import undo


def _track(repo: Repository, *names: str) -> TrackResult:
    request = TrackRequest(paths=tuple(repo.root / name for name in names))
    return track(repo.open(), request, SilentReporter())


def _check_out(repo: Repository, *names: str, **request: object) -> CheckoutResult:
    workspace = repo.open()
    asked = CheckoutRequest(paths=tuple(repo.root / name for name in names), **request)  # type: ignore[arg-type]
    return check_out_data(
        workspace, asked, read_invocation(workspace, ("mlv", "checkout")), SilentReporter()
    )


@pytest.fixture
def tracked(repo: Repository) -> Repository:
    """A directory that is tracked and committed."""
    repo.write("data/a", "a\n")
    repo.write("data/sub/b", "b\n")
    _track(repo, "data")
    repo.commit()
    return repo


def test_operation_is_published_before_the_first_file_changes(
    tracked: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    tracked.write("data/a", "mine\n")
    with monkeypatch.context() as patched:
        patched.setattr("mlv.app.data.apply.check_out", stop)
        with pytest.raises(KeyboardInterrupt):
            _check_out(tracked, force=True)
    workspace = tracked.open()
    (logged,) = workspace.operations.read()
    change = logged.operation.change
    assert isinstance(change, ChangeData)
    (data,) = change.data
    assert data.before is not None
    assert data.after is not None
    assert all(workspace.objects.contains(content_of(each)) for each in (data.before, data.after))
    assert tracked.read("data/a") == "mine\n"
    assert undo(tracked).data == ()  # nothing had changed yet


def test_lock_of_another_process_is_respected(
    tracked: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlv.app.worktree_lock.PATIENCE_S", 0)
    (tracked.root / "data/a").unlink()
    with worktree_lock(tracked.open()), pytest.raises(LockedError):
        _check_out(tracked)
    assert _check_out(tracked).data[0].files[0].action == "create"


def test_missing_content_is_named_and_nothing_is_touched(tracked: Repository) -> None:
    for name in ("data/a", "data/sub/b"):
        (tracked.root / name).unlink()
    for pack in (tracked.root / ".mlv/packs").rglob("*"):
        if pack.is_file():
            pack.unlink()
    before = tracked.state()
    with pytest.raises(MissingObjectError) as caught:
        _check_out(tracked)
    assert caught.value.message == "the content of 1 path is not in the store: data"
    assert tracked.state() == before


def test_link_in_place_of_a_directory_is_not_followed(tracked: Repository, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (tracked.root / "data/sub").rename(elsewhere)
    (elsewhere / "b").write_text("theirs\n")
    (tracked.root / "data/sub").symlink_to(elsewhere)
    with pytest.raises(WorktreeError) as caught:
        _check_out(tracked, "data/sub/b", force=True)
    assert caught.value.message == "a file or a symbolic link is in the way at 'data/sub'"
    _check_out(tracked, force=True)
    assert tracked.read("data/sub/b") == "b\n"
    assert (elsewhere / "b").read_text() == "theirs\n"
    undo(tracked)
    assert (tracked.root / "data/sub").readlink() == elsewhere


def test_linked_worktree_shares_the_store_and_keeps_its_own_data(tracked: Repository) -> None:
    other = Repository(tracked.root.parent / "other")
    tracked.git("worktree", "add", "-q", "--detach", str(other.root))
    _check_out(other)
    assert other.read("data/sub/b") == "b\n"
    with pytest.raises(WorktreeError) as caught:
        undo(tracked)
    assert caught.value.hint == f"run `mlv -C {other.root} undo`"
    undo(other)
    assert not (other.root / "data").exists()


def test_kept_files_are_in_what_the_operation_says_comes_after(tracked: Repository) -> None:
    (tracked.root / "data/a").unlink()
    tracked.write("data/sub/new", "new\n")
    result = _check_out(tracked)
    assert result.data[0].kept == (RepoPath("data/sub/new"),)
    assert undo(tracked).data[0].files[0].action == "remove"
    assert tracked.read("data/sub/new") == "new\n"
    assert not (tracked.root / "data/a").exists()


def test_directory_that_lost_its_last_file_goes_and_an_empty_one_that_is_tracked_stays(
    repo: Repository,
) -> None:
    (repo.root / "data/empty").mkdir(parents=True)
    repo.write("data/a", "a")
    _track(repo, "data")
    repo.commit()
    repo.write("data/empty/x", "x")
    repo.write("data/more/y", "y")
    _track(repo, "data")
    _check_out(repo, revision="HEAD")
    assert (repo.root / "data/empty").is_dir()
    assert not list((repo.root / "data/empty").iterdir())
    assert not (repo.root / "data/more").exists()
    _check_out(repo)
    assert repo.mlv("status", "--exit-code").code == 0
