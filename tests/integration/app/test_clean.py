"""`mlv run --require-clean`: a commit holds all of the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlv.app.record.clean import check_clean
from mlv.errors import WorktreeError
from tests.support.repository import Repository


def test_clean_worktree_is_clean(repo: Repository) -> None:
    repo.write(".gitignore", "*.log\n")
    repo.commit()
    repo.write("train.log", "ignored\n")
    repo.shell("echo 1 > out.txt", outputs=["out.txt"])
    check_clean(repo.open())


def test_unclean_worktree_is_refused_with_all_that_is_not_committed(repo: Repository) -> None:
    repo.write("old.py", "x = 1\n")
    repo.commit()
    (repo.root / "old.py").unlink()
    repo.write("params.yaml", "lr: 0.2\n")
    repo.write("new.py", "x = 1\n")
    repo.write("staged.py", "x = 1\n")
    repo.git("add", "staged.py")
    before = repo.state()
    with pytest.raises(WorktreeError) as caught:
        check_clean(repo.open())
    assert caught.value.message == (
        "changes that are not committed: new.py, old.py, params.yaml, staged.py"
    )
    assert caught.value.hint == "commit them with `git add -A && git commit`"
    assert repo.state() == before


def test_repository_without_a_commit_is_not_clean(empty_repository: Repository) -> None:
    empty_repository.initialize()
    with pytest.raises(WorktreeError, match="has no commit yet"):
        check_clean(empty_repository.open())


def test_outputs_of_earlier_runs_cost_no_git_process(
    repo: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    repo.shell("echo 1 > out.txt", outputs=["out.txt"])
    workspace = repo.open()
    trace = tmp_path / "trace"
    trace.mkdir()
    monkeypatch.setenv("GIT_TRACE2_EVENT", str(trace))
    check_clean(workspace)
    assert len(list(trace.iterdir())) == 4
