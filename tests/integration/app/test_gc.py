"""What `gc` keeps, and what it throws away."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from mlv.app.keep import pointers
from mlv.app.keep.gc import GcRequest, GcResult, collect_garbage
from mlv.app.keep.roots import RootPolicy
from mlv.app.reporter import SilentReporter
from mlv.core.paths import RepoPath
from mlv.core.pointer import format_pointer
from mlv.core.tree import Fingerprint
from mlv.errors import CorruptDataError, LockedError, MlvError, UnreadableFileError
from mlv.git import history
from mlv.git.command import GitCommand
from mlv.git.history import FoundBlob
from mlv.store.objects import ObjectStore, content_of
from mlv.store.packs import list_packs
from mlv.store.trees import list_files
from mlv.store.whole import WholeObjects
from mlv.worktree.fingerprint import fingerprint
from tests.support.repository import Repository, read_tree
from tests.support.restoring import files, roll_back, undo


def _collect(
    repository: Repository,
    *,
    keep_days: float = 0,
    grace_days: float = 0,
    tips: bool = False,
    dry_run: bool = False,
) -> GcResult:
    request = GcRequest(
        dry_run=dry_run,
        policy=RootPolicy(keep_days=keep_days, tips=tips),
        grace_days=grace_days,
    )
    return collect_garbage(repository.open(), request, SilentReporter())


def _track(repository: Repository, name: str) -> Fingerprint:
    """Store a file or directory and write its pointer, as `mlv track` does."""
    workspace = repository.open()
    with workspace.objects.transaction() as objects:
        found = fingerprint(repository.root / name, objects)
    repository.write(f"{name}.mlv", format_pointer(found))
    return found


def _is_stored(repository: Repository, found: Fingerprint) -> bool:
    return ObjectStore(repository.open().layout).contains(content_of(found))


@pytest.fixture
def data(repo: Repository) -> Repository:
    """A repository that ignores its data."""
    repo.write(".gitignore", "/data\n/data/\n")
    repo.commit("ignore")
    return repo


def test_gc_keeps_all_that_visible_runs_name(two_runs: Repository) -> None:
    roll_back(two_runs)
    undo(two_runs)
    before = [two_runs.find(name) for name in ("first", "second")]
    _collect(two_runs)
    assert [two_runs.find(name) for name in ("first", "second")] == before
    store = ObjectStore(two_runs.open().layout)
    for run in before:
        assert run.environment is not None
        store.verify(run.environment)
        for content in run.console.values():
            store.verify(content)
        named = {each.path: each.fingerprint for each in run.inputs}
        named |= {each.path: each.fingerprint for each in run.outputs}
        for path, found in named.items():
            assert found is not None
            for entry in list_files(store, found, path).values():
                store.verify(content_of(entry))
    roll_back(two_runs)


def test_gc_frees_a_hidden_run_once_it_cannot_be_undone(two_runs: Repository) -> None:
    second = two_runs.find("second")
    undo(two_runs)
    kept = _collect(two_runs, keep_days=1)
    assert (kept.thrown.n, _is_stored(two_runs, second.outputs[0].fingerprint)) == (
        0,
        True,
    )
    freed = _collect(two_runs)
    assert freed.thrown.n > 0
    assert not _is_stored(two_runs, second.outputs[0].fingerprint)
    assert [run.name for run in two_runs.runs()] == ["first"]


def test_gc_with_a_longer_memory_goes_on_after_one_with_a_shorter(two_runs: Repository) -> None:
    undo(two_runs)
    _collect(two_runs)
    assert _collect(two_runs, keep_days=30).thrown.n == 0


def test_undo_works_after_gc(two_runs: Repository) -> None:
    two_runs.write("notes.txt", "in no run and in no commit\n")
    before = files(two_runs)
    roll_back(two_runs, overwrite=True)
    _collect(two_runs, keep_days=1)
    undo(two_runs)
    assert files(two_runs) == before


def test_gc_keeps_objects_in_the_trash_for_a_while(data: Repository) -> None:
    data.write("data/a", "first")
    content = _track(data, "data")
    (data.root / "data.mlv").unlink()
    assert _collect(data, grace_days=7).thrown.n == 2
    assert _is_stored(data, content)
    assert _collect(data, grace_days=7).thrown.n == 0
    _collect(data)
    assert not _is_stored(data, content)


def test_gc_brings_back_what_is_needed_again(data: Repository) -> None:
    data.write("data/a", "first")
    content = _track(data, "data")
    pointer = data.read("data.mlv")
    (data.root / "data.mlv").unlink()
    _collect(data, grace_days=7)
    data.write("data.mlv", pointer)
    result = _collect(data)
    assert (result.restored.n, result.deleted.n) == (1, 0)
    assert _is_stored(data, content)


def test_gc_keeps_pointers_of_old_commits_and_reflogs(data: Repository) -> None:
    contents = []
    for number in range(3):
        data.write("data/a", f"version {number}")
        contents.append(_track(data, "data"))
        data.commit(f"version {number}")
    data.git("reset", "--quiet", "--hard", "HEAD~1")  # the last one is in the reflog alone
    assert _collect(data).thrown.n == 0
    assert all(_is_stored(data, content) for content in contents)
    _collect(data, tips=True)
    assert [_is_stored(data, content) for content in contents] == [False, True, False]


def test_gc_keeps_pointers_of_branches_stashes_and_merges(data: Repository) -> None:
    data.write("data/a", "main")
    contents = [_track(data, "data")]
    data.commit("main")
    data.git("checkout", "--quiet", "-b", "side")
    data.write("data/a", "side")
    contents.append(_track(data, "data"))
    data.commit("side")
    data.git("checkout", "--quiet", "main")
    data.write("data/a", "stashed")
    contents.append(_track(data, "data"))
    data.git("stash", "--quiet")
    data.git("merge", "--quiet", "--no-ff", "--no-commit", "side")
    data.write("data/a", "merged")
    contents.append(_track(data, "data"))
    data.commit("merge")
    data.git("rm", "--quiet", "data.mlv")
    data.commit("remove")
    _collect(data)
    assert [_is_stored(data, content) for content in contents] == [True] * 4


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("command", [("stash",), ("stash", "pop")])
def test_gc_keeps_a_pointer_that_moves_while_it_looks(
    data: Repository, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], moment: str
) -> None:
    data.write("data/a", "main")
    _track(data, "data")
    data.commit("main")
    data.write("data/a", "moving")
    moving = _track(data, "data")
    if "pop" in command:
        data.git("stash", "--quiet")

    def find_in_history(git: GitCommand, suffix: str) -> list[FoundBlob]:
        if moment == "before":
            data.git(*command)
        found = list(history.find_in_history(git, suffix))
        if moment == "after":
            data.git(*command)
        return found

    monkeypatch.setitem(pointers._FIND, "history", find_in_history)  # noqa: SLF001
    _collect(data)
    assert _is_stored(data, moving)


def test_gc_of_all_but_tips_keeps_branches_tags_and_stashes(data: Repository) -> None:
    names = ["main", "branch", "tag", "annotated", "first stash", "second stash", "staged"]
    contents = {}
    for name in names:
        data.write("data/a", name)
        contents[name] = _track(data, "data")
        if name == "staged":
            data.git("add", "data.mlv")
            data.write("data/a", "staged, and then changed")
            _track(data, "data")
        if "sta" in name:
            data.git("stash", "--quiet")
            continue
        if name != "main":
            data.git("checkout", "--quiet", "--detach")
        data.commit(name)
        if name == "branch":
            data.git("branch", "side")
        elif name == "annotated":
            data.git("tag", "-a", "-m", "a tag", "v1")
        elif name == "tag":
            data.git("tag", "v0")
        data.git("checkout", "--quiet", "main")
    _collect(data, tips=True)
    assert [name for name in names if not _is_stored(data, contents[name])] == []


def test_gc_keeps_pointers_of_the_index_and_of_the_worktree(data: Repository) -> None:
    data.write("data/a", "staged")
    staged = _track(data, "data")
    data.git("add", "data.mlv")
    data.write("data/a", "not staged")
    loose = _track(data, "data")
    data.write("sub/untracked", "ignored by nobody")
    untracked = _track(data, "sub/untracked")
    _collect(data)
    assert [_is_stored(data, each) for each in (staged, loose, untracked)] == [True] * 3


def test_gc_keeps_pointers_of_linked_worktrees(data: Repository) -> None:
    linked = Repository(data.root.parent / "linked")
    data.git("worktree", "add", "--quiet", "--detach", str(linked.root))
    linked.write("data/a", "staged in the linked one")
    staged = _track(linked, "data")
    linked.git("add", "data.mlv")
    linked.write("data/a", "loose in the linked one")
    loose = _track(linked, "data")
    _collect(data)
    assert [_is_stored(data, each) for each in (staged, loose)] == [True] * 2
    shutil.rmtree(linked.root)
    _collect(data)
    assert [_is_stored(data, each) for each in (staged, loose)] == [True, False]


def test_gc_goes_on_without_the_data_of_a_pointer(data: Repository) -> None:
    data.write("data/a", "somewhere else")
    _track(data, "data")
    data.commit("pointer")
    for path in list_packs(data.open().layout):
        path.unlink()
    result = _collect(data)
    assert (result.thrown.n, result.missing) == (0, ())


def test_gc_refuses_an_unreadable_pointer(data: Repository) -> None:
    data.write("data.mlv", "<<<<<<< HEAD\nmlv: 1\n")
    before = data.state()
    with pytest.raises(UnreadableFileError) as caught:
        _collect(data)
    assert caught.value.message == "data.mlv:1: a merge left its conflict here"
    assert data.state() == before


def test_gc_refuses_an_unreadable_pointer_of_an_old_commit(data: Repository) -> None:
    data.write("data/a", "kept")
    content = _track(data, "data")
    data.write("data.mlv", "no digest\n")
    commit = data.commit("broken")
    (data.root / "data.mlv").unlink()
    data.commit("mended")
    with pytest.raises(UnreadableFileError) as caught:
        _collect(data)
    assert caught.value.message == (
        f"data.mlv:1: expected 'key: value', found 'no digest' (in commit {commit[:12]})"
    )
    assert _is_stored(data, content)
    _collect(data, tips=True)
    assert not _is_stored(data, content)


def test_gc_refuses_when_a_record_is_damaged(two_runs: Repository) -> None:
    for path in list_packs(two_runs.open().layout):
        content = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(content[:150] + bytes(20) + content[170:])
    before = read_tree(two_runs.root / ".mlv")
    with pytest.raises(MlvError) as caught:
        _collect(two_runs)
    assert isinstance(caught.value, CorruptDataError)
    assert read_tree(two_runs.root / ".mlv") == before


def test_gc_refuses_an_unreadable_live_run(repo: Repository) -> None:
    live = repo.root / ".mlv/live/01aaaaaaaaaaaaaaaaaaaaaaaa"
    live.mkdir()
    (live / "start.json").write_text("{}")
    with pytest.raises(CorruptDataError):
        _collect(repo)


def test_gc_keeps_what_a_live_run_names(data: Repository) -> None:
    data.write("data/a", "read at the start")
    ready, gate = data.root.parent / "ready", data.root.parent / "gate"
    for pipe in (ready, gate):
        os.mkfifo(pipe)
    script = f"echo changed > data/a; echo > {ready}; read x < {gate}"
    argv = [sys.executable, "-m", "mlv", "run", "-i", "data", "-n", "live", "sh", "-c", script]
    with subprocess.Popen(argv, cwd=data.root) as process:
        ready.read_text()
        _collect(data)
        gate.write_text("go\n")
        assert process.wait() == 0
    (found,) = [each for each in data.find("live").inputs if each.path == "data"]
    assert found.fingerprint is not None
    store = ObjectStore(data.open().layout)
    (entry,) = list_files(store, found.fingerprint, found.path).values()
    assert store.read(content_of(entry)) == b"read at the start"


def test_gc_waits_for_nobody_who_writes_for_long(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlv.store.lock._PAUSE_S", 0)
    monkeypatch.setattr("mlv.store.lock.time.monotonic", iter(range(0, 1000, 100)).__next__)
    with repo.open().objects.hold(), pytest.raises(LockedError):
        _collect(repo)


def test_gc_dry_run_says_the_same_and_changes_nothing(data: Repository) -> None:
    data.write("data/a", "garbage")
    _track(data, "data")
    (data.root / "data.mlv").unlink()
    (data.root / ".mlv/tmp/1.left").write_text("left by a killed process")
    before = data.state()
    planned = _collect(data, dry_run=True)
    assert data.state() == before
    assert (data.root / ".mlv/tmp/1.left").exists()
    done = _collect(data)
    assert planned.dry_run
    assert (done.thrown, done.temporary, done.deleted) == (
        planned.thrown,
        planned.temporary,
        planned.deleted,
    )


def test_gc_removes_what_killed_processes_left(two_runs: Repository) -> None:
    layout = two_runs.open().layout
    unfinished = two_runs.root / ".mlv.0123456789ab.tmp"
    unfinished.mkdir()
    sandbox = layout.cache / "reproduce" / f"{two_runs.find('first').id}-00000000"
    two_runs.git("worktree", "add", "--quiet", "--detach", str(sandbox))
    for path in (unfinished, sandbox):
        os.utime(path, (0, 0))
    roll_back(two_runs)
    assert len(two_runs.open().git.refs("refs/mlv/saved")) == 1
    (layout.temporary / "1.left").write_text("x")
    result = _collect(two_runs, keep_days=1)
    assert (result.temporary.n, result.sandboxes.n, result.n_saved) == (2, 1, 0)
    assert not any(path.exists() for path in (unfinished, sandbox, layout.temporary / "1.left"))
    assert str(sandbox) not in two_runs.git("worktree", "list")


def test_gc_drops_saved_worktrees_that_no_undo_needs(
    two_runs: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    roll_back(two_runs)
    monkeypatch.setattr("mlv.app.keep.roots._DAY_MS", -86_400_000)  # a day from now
    assert _collect(two_runs, keep_days=1).n_saved == 1
    assert two_runs.open().git.refs("refs/mlv/saved") == {}


def test_gc_names_who_misses_an_object(data: Repository) -> None:
    data.write("data/a", "lost")
    layout = data.open().layout
    whole = WholeObjects(layout)
    content = whole.write_blocks([b"lost"])
    whole.sync()
    run = data.shell("true", inputs=["data/a"])
    layout.object_file(content.digest).unlink()
    assert _collect(data).missing == (f"run {run.id}",)


def test_stat_cache_forgets_what_was_thrown_away(data: Repository) -> None:
    data.write("data/a", "garbage")
    os.utime(data.root / "data/a", (1, 1))
    content = _track(data, "data")
    (data.root / "data.mlv").unlink()
    _collect(data)
    assert not _is_stored(data, content)
    assert _track(data, "data") == content
    store = ObjectStore(data.open().layout)
    (entry,) = list_files(store, content, RepoPath("data")).values()
    assert store.read(content_of(entry)) == b"garbage"


def test_file_of_another_program_with_the_suffix_of_pointers_is_no_pointer(
    repo: Repository,
) -> None:
    repo.write("clip.mlv", "MLVI: raw video")
    repo.write("data/inner.mlv", "not mine either")
    repo.mlv("track", "data")
    assert repo.mlv("gc").code == 0


def test_pointer_that_lost_its_bytes_stops_the_collection(repo: Repository) -> None:
    repo.write("data", "x")
    repo.mlv("track", "data")
    repo.write("data.mlv", "")
    assert repo.mlv("gc").code in {3, 7}
