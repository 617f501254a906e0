"""A checkout, or its undo, that is cut short: the next one finishes it, or takes it back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from mlv.app.data.checkout import CheckoutRequest, CheckoutResult, check_out_data
from mlv.app.data.status import CutShortStatus, read_status
from mlv.app.data.track import TrackRequest, track
from mlv.app.data.unfinished import find_cut_short
from mlv.app.keep.fsck import FsckRequest, check_store
from mlv.app.keep.gc import GcRequest, collect_garbage
from mlv.app.keep.roots import RootPolicy
from mlv.app.publish import read_invocation
from mlv.app.reporter import SilentReporter
from mlv.core.operation import ChangeData, Undo, effective_change
from mlv.core.paths import RepoPath
from mlv.errors import CorruptDataError, NotPossibleError, StorageError
from mlv.store.layout import Layout
from mlv.store.objects import ObjectStore
from mlv.worktree.checkout.check_out import check_out
from mlv.worktree.checkout.request import CheckedOut, CheckOutRequest, Progress
from tests.support.repository import Repository
from tests.support.restoring import files, undo

JOURNAL = ".mlv/data-journal"


class Notes(SilentReporter):
    """Remembers what a person would be told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, text: str) -> None:
        self.told.append(text)

    def warn(self, text: str, *, hint: str | None = None) -> None:
        self.told.append(text)


@contextmanager
def _cut_short(n_files: int) -> Iterator[None]:
    """Interrupt the next change of data, once it has changed so many files."""

    def stop(
        objects: ObjectStore,
        layout: Layout,
        request: CheckOutRequest,
        on_progress: Progress | None = None,
    ) -> CheckedOut:
        part = msgspec.structs.replace(request, changes=request.changes[:n_files])
        check_out(objects, layout, part, on_progress)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("mlv.app.data.apply.check_out", stop)
        with pytest.raises(KeyboardInterrupt):
            yield


def _check_out(repo: Repository, *names: str, reporter: Notes | None = None) -> CheckoutResult:
    workspace = repo.open()
    request = CheckoutRequest(paths=tuple(repo.root / name for name in names), revision="v1")
    asked = read_invocation(workspace, ("mlv", "checkout"))
    return check_out_data(workspace, request, asked, reporter or Notes())


def _cut_undo_short(repo: Repository) -> None:
    _check_out(repo, "data")
    with _cut_short(1):
        undo(repo)


def _changes(repo: Repository) -> list[str]:
    operations = repo.open().operations.read()
    kinds = [logged.operation.change for logged in operations]
    assert all(isinstance(effective_change(each), ChangeData) for each in kinds)
    return ["undo" if isinstance(each, Undo) else "checkout" for each in kinds]


def _track(repo: Repository) -> None:
    request = TrackRequest(paths=(repo.root / "data", repo.root / "other"))
    track(repo.open(), request, SilentReporter())
    repo.commit()


@pytest.fixture
def versions(repo: Repository) -> Repository:
    """Two versions of two directories; the newer one is there."""
    for version in ("1", "2"):
        for name in ("data/a", "data/b", f"data/only-{version}/c", "other/d"):
            repo.write(name, f"{name} {version}\n")
        _track(repo)
        if version == "1":
            repo.git("tag", "v1")
            (repo.root / "data/only-1/c").unlink()
            (repo.root / "data/only-1").rmdir()
    return repo


@pytest.mark.parametrize("n_files", range(4))
def test_undo_that_was_cut_short_is_finished_by_the_next(
    versions: Repository, n_files: int
) -> None:
    before = files(versions)
    _check_out(versions)
    after = files(versions)
    with _cut_short(n_files):
        undo(versions)
    assert files(versions) != before
    assert (files(versions) == after) == (n_files == 0)
    result = undo(versions)
    assert files(versions) == before
    assert _changes(versions) == ["checkout", "undo"]
    assert result.operation == versions.open().operations.read()[1]
    assert "data" in {each.path for each in result.data}
    assert not (versions.root / JOURNAL).exists()
    with pytest.raises(NotPossibleError, match="there is nothing to undo"):
        undo(versions)


@pytest.mark.parametrize("n_files", range(4))
def test_checkout_that_was_cut_short_is_finished_by_the_same_one(
    versions: Repository, n_files: int
) -> None:
    before = files(versions)
    notes = Notes()
    with _cut_short(n_files):
        _check_out(versions)
    result = _check_out(versions, reporter=notes)
    assert notes.told == ["finished the checkout that was cut short"]
    assert versions.read("data/a") == "data/a 1\n"
    assert result.operation == versions.open().operations.read()[0]
    assert result.pointers == ("data.mlv", "other.mlv")
    assert _changes(versions) == ["checkout"]
    undo(versions)
    assert files(versions) == before


@pytest.mark.parametrize("n_files", range(4))
def test_checkout_that_was_cut_short_is_taken_back_by_an_undo(
    versions: Repository, n_files: int
) -> None:
    before = files(versions)
    with _cut_short(n_files):
        _check_out(versions)
    undo(versions)
    assert files(versions) == before
    assert _changes(versions) == ["checkout", "undo"]
    assert not (versions.root / JOURNAL).exists()


def test_directory_that_was_emptied_and_not_yet_removed_stops_no_undo(
    versions: Repository,
) -> None:
    before = files(versions)
    with _cut_short(0):
        _check_out(versions)
    (versions.root / "data/only-2/c").unlink()
    undo(versions)
    assert files(versions) == before


def test_file_that_was_edited_since_is_left_when_an_undo_is_finished(
    versions: Repository,
) -> None:
    _cut_undo_short(versions)
    versions.write("data/b", "mine\n")
    versions.write("data/only-2", "in the way\n")
    done = versions.mlv("undo")
    assert done.code == 0
    assert done.stderr.splitlines() == [
        "warning: left as is, for it was changed meanwhile: data/b, data/only-2",
        "hint: see what differs with `mlv status`",
        "note: finished the undo that was cut short",
    ]
    assert versions.read("data/a") == "data/a 2\n"
    assert (versions.read("data/b"), versions.read("data/only-2")) == ("mine\n", "in the way\n")
    assert not (versions.root / JOURNAL).exists()
    assert versions.mlv("undo").error[0] == 3


def test_change_that_was_never_published_is_forgotten(
    versions: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        message = "the disk is full"
        raise StorageError(message)

    before = files(versions)
    with monkeypatch.context() as patched:
        patched.setattr("mlv.app.data.checkout.publish", fail)
        with pytest.raises(StorageError):
            _check_out(versions)
    assert (versions.root / JOURNAL).exists()
    assert files(versions) == before
    assert read_status(versions.open(), ()).cut_short == ()
    with pytest.raises(NotPossibleError, match="there is nothing to undo"):
        undo(versions)
    _check_out(versions)
    assert not (versions.root / JOURNAL).exists()


def test_status_says_what_was_cut_short_and_how_to_finish_it(versions: Repository) -> None:
    with _cut_short(1):
        _check_out(versions)
    assert versions.mlv("status").stdout.splitlines()[-1] == (
        "a checkout was cut short: data, other"
        "  (finish it with `mlv checkout --rev v1 data other`, or go back with `mlv undo`)"
    )
    _check_out(versions)
    with _cut_short(1):
        undo(versions)
    status = read_status(versions.open(), ())
    both = (RepoPath("data"), RepoPath("other"))
    assert status.cut_short == (CutShortStatus(kind="undo", data=both),)
    assert versions.mlv("status").stdout.splitlines()[-1] == (
        "an undo was cut short: data, other  (finish it with `mlv undo`)"
    )
    undo(versions)
    assert "cut short" not in versions.mlv("status").stdout


def test_checkout_of_the_same_data_finishes_an_undo_first(versions: Repository) -> None:
    _cut_undo_short(versions)
    notes = Notes()
    _check_out(versions, "data/a", reporter=notes)
    assert notes.told == ["finished the undo that was cut short"]
    assert versions.read("data/a") == "data/a 1\n"
    assert versions.read("data/b") == "data/b 2\n"
    assert _changes(versions) == ["checkout", "undo", "checkout"]


def test_checkout_of_other_data_leaves_an_undo_to_be_finished(versions: Repository) -> None:
    _cut_undo_short(versions)
    notes = Notes()
    _check_out(versions, "other", reporter=notes)
    assert notes.told == []
    assert [each.kind for each in find_cut_short(versions.open())] == ["undo"]
    undo(versions)
    assert (versions.read("data/b"), versions.read("other/d")) == ("data/b 2\n", "other/d 1\n")


def test_undo_in_another_worktree_is_left_to_that(versions: Repository, tmp_path: Path) -> None:
    other = Repository(tmp_path / "elsewhere")
    versions.git("worktree", "add", "-q", "--detach", str(other.root), "v1")
    _cut_undo_short(versions)
    assert find_cut_short(other.open()) == ()
    _check_out(other)
    assert [each.data for each in find_cut_short(versions.open())] == [("data",)]


def test_worktree_that_is_gone_is_forgotten(versions: Repository, tmp_path: Path) -> None:
    other = Repository(tmp_path / "elsewhere")
    versions.git("worktree", "add", "-q", "--detach", str(other.root), "v1")
    with _cut_short(1):
        _check_out(other)
    assert (versions.root / JOURNAL).exists()
    versions.git("worktree", "remove", "--force", str(other.root))
    _check_out(versions)
    assert not (versions.root / JOURNAL).exists()


def test_garbage_collection_keeps_what_an_undo_still_needs(versions: Repository) -> None:
    versions.write("data/a", "in no pointer\n")
    workspace = versions.open()
    request = CheckoutRequest(paths=(versions.root / "data",), revision="v1", force=True)
    asked = read_invocation(workspace, ("mlv", "checkout"))
    check_out_data(workspace, request, asked, SilentReporter())
    with _cut_short(0):
        undo(versions)
    request_gc = GcRequest(policy=RootPolicy(keep_days=-1), grace_days=0)
    for _ in range(2):  # the second time, the trash goes as well
        collect_garbage(versions.open(), request_gc, SilentReporter())
    undo(versions)
    assert versions.read("data/a") == "in no pointer\n"


def test_checkout_goes_on_when_what_an_undo_needs_is_gone(
    versions: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    _cut_undo_short(versions)
    notes = Notes()

    def fail(*_: object) -> None:
        message = "the content is damaged"
        raise CorruptDataError(message)

    monkeypatch.setattr("mlv.app.data.checkout.finish_change", fail)
    _check_out(versions, "data", reporter=notes)
    told = "the undo that was cut short is not finished: the content is damaged"
    assert notes.told == [told]
    assert versions.read("data/a") == "data/a 1\n"
    assert not (versions.root / JOURNAL).exists()


def test_journal_that_cannot_be_read_is_corrupt_data(versions: Repository) -> None:
    journal = versions.write(JOURNAL, "{")
    with pytest.raises(CorruptDataError, match="not a DataJournal") as caught:
        undo(versions)
    assert str(journal) in (caught.value.hint or "")
    (fault,) = check_store(versions.open(), FsckRequest(), SilentReporter()).faults
    assert (fault.kind, fault.where) == ("journal", "data-journal")
