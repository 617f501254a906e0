"""The code of a run comes back from the store alone, when Git has lost it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlv.app.code import bundles
from mlv.app.code.restoring import ensure_snapshot
from mlv.app.look.comparing import compare_runs
from mlv.core.run import Run
from mlv.errors import GitError, MissingObjectError
from tests.support.notes import run_with_notes
from tests.support.repository import Repository
from tests.support.restoring import files, roll_back
from tests.support.stored_objects import remove_object


@pytest.fixture
def remote(repo: Repository, tmp_path: Path) -> Path:
    """A Git remote that has the first commit."""
    place = tmp_path / "remote.git"
    repo.git("init", "--quiet", "--bare", str(place))
    repo.git("remote", "add", "origin", str(place))
    repo.git("push", "--quiet", "origin", "main")
    return place


def _forget(repo: Repository, *runs: Run) -> None:
    """Have Git collect everything that only runs, reflogs and lost branches hold."""
    for run in runs or repo.runs():
        repo.git("update-ref", "-d", f"refs/mlv/runs/{run.id}")
    repo.git("reflog", "expire", "--expire=all", "--all")
    repo.git("gc", "--quiet", "--prune=now")


def _show(repo: Repository, run: Run, path: str) -> str:
    ensure_snapshot(repo.open(), run.code)
    return repo.git("show", f"{run.code.snapshot}:{path}")


def _start_over(repo: Repository) -> None:
    """Replace all of history, so that nothing of it is left in Git."""
    repo.git("checkout", "--quiet", "--orphan", "other")
    repo.git("rm", "--quiet", "-rf", "--cached", ".")
    repo.commit("other")
    repo.git("branch", "-D", "main")


def test_clean_run_comes_back_after_its_branch_is_gone(repo: Repository) -> None:
    run = repo.shell("true")
    repo.write("params.yaml", "lr: 9\n")
    _start_over(repo)
    _forget(repo)
    assert not repo.open().git.has_commit(run.code.snapshot)
    assert _show(repo, run, "params.yaml") == "lr: 0.1"


def test_dirty_run_comes_back_after_its_branch_is_gone(repo: Repository) -> None:
    repo.write("params.yaml", "lr: 0.2\n")
    repo.write("new.py", "x = 1\n")
    run = repo.shell("true")
    repo.git("checkout", "--quiet", "params.yaml")
    _start_over(repo)
    _forget(repo)
    assert _show(repo, run, "params.yaml") == "lr: 0.2"
    assert _show(repo, run, "new.py") == "x = 1"


def test_run_without_a_commit_comes_back(empty_repository: Repository) -> None:
    repo = empty_repository
    repo.initialize()
    repo.write("train.py", "x = 1\n")
    run = repo.shell("true")
    _forget(repo)
    assert (run.code.commit, len(run.code.bundles)) == ("", 1)
    assert _show(repo, run, "train.py") == "x = 1"


def test_restoring_changes_nothing_but_a_ref_of_its_own(repo: Repository) -> None:
    repo.write("params.yaml", "lr: 0.2\n")
    run = repo.shell("true")
    _forget(repo)
    before = repo.state()
    ensure_snapshot(repo.open(), run.code)
    ref = f".git/refs/mlv/restored/{run.code.snapshot}"
    after = repo.state()
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert {path for path in changed if not ref.startswith(path)} == set()
    repo.git("gc", "--quiet", "--prune=now")
    assert repo.open().git.has_commit(run.code.snapshot)


def test_run_of_the_same_code_has_the_same_bundles(repo: Repository) -> None:
    repo.write("params.yaml", "lr: 0.2\n")
    codes = [repo.shell("true").code for _ in range(3)]
    assert codes[0] == codes[1] == codes[2]
    assert len(codes[0].bundles) == 2


def test_dirty_runs_share_the_bundle_of_their_commit(repo: Repository) -> None:
    repo.write("params.yaml", "lr: 0.2\n")
    first = repo.shell("true").code
    repo.write("params.yaml", "lr: 0.3\n")
    second = repo.shell("true").code
    repo.git("checkout", "--quiet", "params.yaml")
    clean = repo.shell("true").code
    assert first.bundles[0] == second.bundles[0] == clean.bundles[0]
    assert [len(code.bundles) for code in (first, second, clean)] == [2, 2, 1]


def test_later_commit_appends_one_small_bundle(repo: Repository) -> None:
    repo.write("big.bin", bytes(range(256)) * 64)
    repo.commit()
    first = repo.shell("true").code
    repo.write("params.yaml", "lr: 0.2\n")
    repo.commit()
    second = repo.shell("true").code
    assert second.bundles[:-1] == first.bundles
    assert second.bundles[-1].size_bytes < 600


def test_chain_of_bundles_goes_back_to_the_first_when_it_is_long(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundles, "LONGEST_CHAIN", 4)
    lengths = []
    for number in range(6):
        repo.write("params.yaml", f"lr: {number}\n")
        repo.commit()
        lengths.append(len(repo.shell("true").code.bundles))
    assert lengths == [1, 2, 3, 2, 3, 2]
    last = repo.runs()[-1]
    _start_over(repo)
    _forget(repo)
    assert _show(repo, last, "params.yaml") == "lr: 5"


def test_run_on_an_earlier_commit_has_a_bundle_of_its_own(repo: Repository) -> None:
    repo.write("params.yaml", "lr: 0.2\n")
    repo.commit()
    repo.shell("true")
    repo.git("checkout", "--quiet", "HEAD~1")
    run = repo.shell("true")
    assert (run.code.branch, len(run.code.bundles)) == (None, 1)
    repo.git("checkout", "--quiet", "main")
    _start_over(repo)
    _forget(repo)
    assert _show(repo, run, "params.yaml") == "lr: 0.1"


def test_merge_of_two_branches_comes_back(repo: Repository) -> None:
    repo.git("switch", "--quiet", "-c", "side")
    repo.write("side.py", "s = 1\n")
    repo.commit()
    repo.shell("true")
    repo.git("switch", "--quiet", "main")
    repo.write("main.py", "m = 1\n")
    repo.commit()
    repo.shell("true")
    repo.git("merge", "--quiet", "--no-edit", "side")
    run = repo.shell("true")
    repo.git("branch", "-D", "side")
    _start_over(repo)
    _forget(repo)
    assert (_show(repo, run, "side.py"), _show(repo, run, "main.py")) == ("s = 1", "m = 1")


def test_pushed_commit_needs_no_bundle(repo: Repository, remote: Path) -> None:
    assert repo.shell("true").code.bundles == ()
    repo.write("params.yaml", "lr: 0.2\n")
    repo.commit()
    repo.git("push", "--quiet", "origin", "main")
    repo.git("checkout", "--quiet", "HEAD~1")
    assert repo.shell("true").code.bundles == ()


def test_bundle_stands_on_what_the_remote_has(repo: Repository, remote: Path) -> None:
    repo.write("params.yaml", "lr: 0.2\n")
    dirty = repo.shell("true")
    repo.commit()
    clean = repo.shell("true")
    assert (len(dirty.code.bundles), len(clean.code.bundles)) == (1, 1)
    repo.git("reset", "--quiet", "--hard", "origin/main")
    _forget(repo)
    assert _show(repo, dirty, "params.yaml") == _show(repo, clean, "params.yaml") == "lr: 0.2"


@pytest.mark.parametrize("is_clean", [True, False])
def test_hint_brings_the_commit_that_the_remote_has(
    repo: Repository, remote: Path, *, is_clean: bool
) -> None:
    if not is_clean:
        repo.write("params.yaml", "lr: 0.2\n")
    run = repo.shell("true")
    repo.git("checkout", "--quiet", "--force", "HEAD")
    _start_over(repo)
    repo.git("update-ref", "-d", "refs/remotes/origin/main")
    _forget(repo)
    with pytest.raises(GitError) as caught:
        ensure_snapshot(repo.open(), run.code)
    assert caught.value.hint is not None
    command = caught.value.hint.split("`")[1]
    assert command == f"git fetch origin {run.code.commit}"

    repo.git(*command.split()[1:])

    assert _show(repo, run, "params.yaml") == ("lr: 0.1" if is_clean else "lr: 0.2")


def test_hint_names_the_address_of_a_remote_that_is_gone(repo: Repository, remote: Path) -> None:
    run = repo.shell("true")
    repo.git("remote", "remove", "origin")
    _start_over(repo)
    _forget(repo)
    with pytest.raises(GitError) as caught:
        ensure_snapshot(repo.open(), run.code)
    assert caught.value.hint == f"fetch that commit with `git fetch {remote} {run.code.commit}`"


def test_bundles_can_be_switched_off(repo: Repository) -> None:
    repo.write("mlv.yaml", "code: {bundle: false}\n")
    run = repo.shell("true")
    _forget(repo)
    with pytest.raises(GitError) as caught:
        ensure_snapshot(repo.open(), run.code)
    assert caught.value.message == (
        f"Git no longer has the code snapshot {run.code.snapshot[:12]},"
        " and no bundle of it was stored"
    )


def test_long_history_is_left_to_git_and_that_is_said_once(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundles, "MOST_BYTES", 100)
    notes: list[str] = []
    for number in range(3):
        repo.write("params.yaml", f"lr: {number}\n")
        if number:
            repo.commit()
        noted = run_with_notes(repo)
        assert noted.run.code.bundles == ()
        notes += noted.notes
    assert notes == [f"{bundles.KEPT_BY_GIT}: {bundles.TOO_LARGE}"]


def test_history_that_turns_out_too_long_leaves_nothing_in_the_store(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundles, "MOST_BYTES", 100)
    monkeypatch.setattr(bundles, "measure_unpushed", lambda *_, **__: False)
    repo.write("params.yaml", "lr: 2\n")
    assert repo.shell("true").code.bundles == ()


def test_shallow_clone_without_a_remote_is_not_bundled(repo: Repository, tmp_path: Path) -> None:
    repo.commit()
    repo.git("clone", "--quiet", "--depth=1", repo.root.as_uri(), str(tmp_path / "shallow"))
    shallow = Repository(tmp_path / "shallow")
    shallow.initialize()
    assert shallow.shell("true").code.bundles == ()  # origin has it
    shallow.git("remote", "remove", "origin")
    noted = run_with_notes(shallow)
    assert noted.run.code.bundles == ()
    assert noted.notes == (f"{bundles.KEPT_BY_GIT}: {bundles.SHALLOW}",)


def test_bundle_that_is_gone_from_the_store_is_said(repo: Repository) -> None:
    repo.write("params.yaml", "lr: 0.2\n")
    run = repo.shell("true")
    _forget(repo)
    remove_object(repo.root / ".mlv", run.code.bundles[-1].digest)
    with pytest.raises(MissingObjectError, match="the store no longer has its bundles"):
        ensure_snapshot(repo.open(), run.code)


def test_lost_bundle_is_made_again_by_the_next_run(repo: Repository) -> None:
    first = repo.shell("true")
    remove_object(repo.root / ".mlv", first.code.bundles[0].digest)
    second = repo.shell("true")
    workspace = repo.open()
    assert all(workspace.objects.contains(bundle) for bundle in second.code.bundles)


def test_damaged_repository_does_not_keep_a_run_from_being_recorded(repo: Repository) -> None:
    repo.write("lost.txt", "to be lost\n")
    repo.commit()
    blob = repo.git("rev-parse", "HEAD:lost.txt")
    (repo.root / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    noted = run_with_notes(repo)
    assert noted.run.code.bundles == ()
    assert noted.notes[0].startswith(f"{bundles.KEPT_BY_GIT}: git bundle failed")


def test_rollback_brings_code_back_from_the_store(repo: Repository) -> None:
    repo.write("src/train.py", "x = 1\n")
    repo.write("run.sh", "#!/bin/sh\n", mode=0o755)
    (repo.root / "link").symlink_to("src/train.py")
    repo.shell("true", name="first")
    before = files(repo)
    for path in ("src/train.py", "run.sh", "link"):
        (repo.root / path).unlink()
    (repo.root / "src").rmdir()
    _forget(repo)
    roll_back(repo)
    assert files(repo) == before


def test_diff_compares_code_that_git_has_lost(repo: Repository) -> None:
    repo.write("params.yaml", "lr: 0.2\n")
    repo.shell("true", name="first")
    repo.write("params.yaml", "lr: 0.3\n")
    repo.shell("true", name="second")
    repo.git("checkout", "--quiet", "params.yaml")
    _forget(repo)
    diff = compare_runs(repo.open(), "first", "second", patch=True)
    assert [change.path for change in diff.code] == ["params.yaml"]
    assert diff.patch is not None
    assert "-lr: 0.2\n+lr: 0.3\n" in diff.patch


def test_garbage_collection_keeps_bundles_as_long_as_a_run_needs_them(repo: Repository) -> None:
    first = repo.shell("true", name="first")
    repo.write("params.yaml", "lr: 0.2\n")
    second = repo.shell("true")
    _forget(repo)
    assert repo.mlv("gc", "--keep-days", "0", "--grace-days", "0").code == 0
    workspace = repo.open()
    bundles_of_both = {*first.code.bundles, *second.code.bundles}
    assert all(map(workspace.objects.contains, bundles_of_both))
    assert repo.mlv("fsck", "--full").code == 0
