"""When a rollback would do harm, it says so and changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlv.errors import (
    GitError,
    LockedError,
    MissingFileError,
    MissingObjectError,
    WorktreeError,
)
from mlv.store.lock import exclusive_lock
from tests.support.repository import Repository
from tests.support.restoring import files, roll_back
from tests.support.stored_objects import remove_object


@pytest.mark.parametrize("path", ["params.yaml", "model.bin", "data/a"])
def test_rollback_refuses_to_replace_what_nothing_else_holds(
    two_runs: Repository, path: str
) -> None:
    two_runs.write(path, "edited\n")
    before = two_runs.state()
    with pytest.raises(WorktreeError) as caught:
        roll_back(two_runs)
    assert caught.value.message == (
        f"changes that no commit and no run holds would be replaced: {path}"
    )
    assert two_runs.state() == before


def test_rollback_of_an_unknown_path_says_so(two_runs: Repository) -> None:
    with pytest.raises(MissingFileError) as caught:
        roll_back(two_runs, "first", "nope")
    assert caught.value.message == "the run has no file 'nope'"


def test_rollback_refuses_to_replace_a_dangling_link_that_nothing_holds(repo: Repository) -> None:
    link = repo.root / "link"
    link.symlink_to("params.yaml")
    repo.shell("true", name="first")
    link.unlink()
    link.symlink_to("nowhere")
    with pytest.raises(WorktreeError, match="would be replaced: link"):
        roll_back(repo)


@pytest.mark.parametrize("kind", ["directory", "file", "link"])
def test_rollback_stops_before_what_is_in_the_way(
    repo: Repository, tmp_path: Path, kind: str
) -> None:
    repo.write("src/a.py", "x = 1\n")
    repo.write("b.py", "x = 1\n")
    repo.commit()
    repo.shell("true", name="first")
    repo.write("params.yaml", "lr: 2\n")
    repo.commit()
    if kind == "directory":
        (repo.root / "b.py").unlink()
        repo.write("b.py/inner", "x\n")
    else:
        (repo.root / "src/a.py").unlink()
        (repo.root / "src").rmdir()
        if kind == "link":
            (repo.root / "src").symlink_to(tmp_path)
        else:
            repo.write("src", "a file\n")
    repo.commit()
    before = repo.state()
    with pytest.raises(WorktreeError) as caught:
        roll_back(repo)
    what, where = {
        "directory": ("a directory", "b.py"),
        "file": ("a file or a symbolic link", "src"),
        "link": ("a file or a symbolic link", "src"),
    }[kind]
    assert caught.value.message == f"{what} is in the way at {where!r}"
    assert files(repo) == {path: before[path] for path in files(repo)}
    assert not (tmp_path / "a.py").exists()
    assert not (repo.root / ".mlv/worktree-journal").exists()


def _start_merge(repo: Repository) -> str:
    repo.git("checkout", "-qb", "side", "HEAD~1")
    repo.write("params.yaml", "lr: 7\n")
    repo.commit()
    repo.git("checkout", "-q", "main")
    return "side"


def _try_git(repo: Repository, *arguments: str) -> None:
    with pytest.raises(Exception, match="non-zero exit status"):
        repo.git(*arguments)


@pytest.mark.parametrize(
    ("busy", "arguments"),
    [
        ("merge", ("merge", "side")),
        ("rebase", ("rebase", "side")),
        ("cherry-pick", ("cherry-pick", "side")),
        ("revert", ("revert", "HEAD~1")),
    ],
)
def test_rollback_refuses_while_git_is_busy(
    repo: Repository, busy: str, arguments: tuple[str, ...]
) -> None:
    repo.shell("true", name="first")
    repo.write("params.yaml", "lr: 5\n")
    repo.commit()
    repo.write("params.yaml", "lr: 6\n")
    repo.commit()
    _start_merge(repo)
    _try_git(repo, *arguments)
    before = repo.state()
    with pytest.raises(WorktreeError) as caught:
        roll_back(repo)
    assert caught.value.message == f"Git is in the middle of a {busy} in this worktree"
    assert caught.value.hint == f"finish it, or give it up with `git {busy} --abort`"
    assert repo.state() == before


def test_rollback_refuses_during_a_bisect(repo: Repository) -> None:
    repo.shell("true", name="first")
    repo.write("params.yaml", "lr: 5\n")
    repo.commit()
    repo.git("bisect", "start")
    with pytest.raises(WorktreeError, match="in the middle of a bisect"):
        roll_back(repo)


def test_rollback_needs_every_object_before_it_changes_anything(two_runs: Repository) -> None:
    (output,) = two_runs.find("first").outputs
    digest = output.fingerprint.digest
    remove_object(two_runs.root / ".mlv", digest)
    before = two_runs.state()
    with pytest.raises(MissingObjectError) as caught:
        roll_back(two_runs)
    assert caught.value.message == "the store no longer holds 1 of the run's files: model.bin"
    assert two_runs.state() == before


def test_rollback_needs_the_snapshot(two_runs: Repository) -> None:
    two_runs.write("mlv.yaml", "code: {bundle: false}\n")
    two_runs.write("params.yaml", "lr: 0.3\n")
    run = two_runs.shell("true", name="third")
    two_runs.git("update-ref", "-d", f"refs/mlv/runs/{run.id}")
    two_runs.git("gc", "--quiet", "--prune=now")
    with pytest.raises(GitError, match=f"no longer has the code snapshot {run.code.snapshot[:12]}"):
        roll_back(two_runs, "third")


def test_rollback_does_not_wait_for_ever(
    two_runs: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlv.app.worktree_lock.PATIENCE_S", 0)
    with (
        exclusive_lock(two_runs.root / ".mlv/worktree-lock", purpose="testing"),
        pytest.raises(LockedError) as caught,
    ):
        roll_back(two_runs)
    message = "another mlv process is changing files of a worktree of this repository"
    assert caught.value.message == message
