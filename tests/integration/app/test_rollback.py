"""Set the files of the worktree to those of a run."""

from __future__ import annotations

import os
import stat
import sys

import pytest

from mlv.app.restore.rollback import (
    PlannedFile,
    RollbackRequest,
    plan_rollback,
)
from mlv.core.paths import RepoPath
from mlv.errors import (
    WorktreeError,
)
from tests.support.repository import Repository
from tests.support.restoring import files, roll_back, undo


def _head_and_index(repo: Repository) -> tuple[str, bytes]:
    return repo.git("rev-parse", "HEAD"), (repo.root / ".git/index").read_bytes()


def test_rollback_brings_params_code_data_and_model_back_together(two_runs: Repository) -> None:
    two_runs.write("ignored.txt", "mine\n")
    before = _head_and_index(two_runs)
    result = roll_back(two_runs)
    assert [(file.path, file.action) for file in result.plan.files] == [
        ("data/a", "replace"),
        ("model.bin", "replace"),
        ("params.yaml", "replace"),
        ("train.sh", "replace"),
    ]
    assert two_runs.read("params.yaml") == "lr: 0.1\n"
    assert two_runs.read("train.sh").endswith("# one\n")
    assert two_runs.read("data/a") == "1\n"
    assert two_runs.read("model.bin") == "1\nlr: 0.1\n"
    assert two_runs.read("ignored.txt") == "mine\n"
    assert two_runs.read("src/new.py") == "x = 1\n"
    assert result.plan.unknown == ("src/new.py",)
    assert _head_and_index(two_runs) == before


def test_rollback_to_the_present_state_does_nothing(two_runs: Repository) -> None:
    before = two_runs.state()
    result = roll_back(two_runs, "second")
    assert (result.plan.files, result.operation) == ((), None)
    assert two_runs.state() == before


def test_rollback_overwrites_when_told_so_and_undo_brings_it_back(two_runs: Repository) -> None:
    two_runs.write("params.yaml", "edited\n", mode=0o640)
    two_runs.write("data/a", b"\xff\x00edited")
    before = files(two_runs)
    roll_back(two_runs, overwrite=True)
    undo(two_runs)
    assert files(two_runs) == before


def test_rollback_does_not_ask_for_what_is_committed(two_runs: Repository) -> None:
    two_runs.write("params.yaml", "lr: 0.5\n")
    two_runs.commit()
    assert [file.unsaved for file in roll_back(two_runs).plan.files] == [False] * 4


def test_rollback_brings_deleted_files_back_and_undo_deletes_them(two_runs: Repository) -> None:
    for path in ("params.yaml", "model.bin", "data/a"):
        (two_runs.root / path).unlink()
    (two_runs.root / "data").rmdir()
    before = files(two_runs)
    result = roll_back(two_runs)
    actions = {file.path: file.action for file in result.plan.files}
    assert actions == {
        "data/a": "create",
        "model.bin": "create",
        "params.yaml": "create",
        "train.sh": "replace",
    }
    undo(two_runs)
    assert files(two_runs) == before


def test_rollback_of_paths_leaves_the_rest(two_runs: Repository) -> None:
    result = roll_back(two_runs, "first", "data", "params.yaml")
    assert [file.path for file in result.plan.files] == ["data/a", "params.yaml"]
    assert result.plan.unknown == ()
    assert two_runs.read("train.sh").endswith("# two\n")


def test_plan_changes_nothing(two_runs: Repository) -> None:
    two_runs.write("params.yaml", "edited\n")
    before = two_runs.state()
    plan = plan_rollback(two_runs.open(), RollbackRequest(reference="first"))
    assert plan.files[2] == PlannedFile(
        path=RepoPath("params.yaml"), action="replace", unsaved=True
    )
    assert two_runs.state() == before


def test_rollback_restores_symbolic_links_and_modes(repo: Repository) -> None:
    repo.write("run.sh", "#!/bin/sh\n", mode=0o755)
    link = repo.root / "link"
    link.symlink_to("run.sh")
    repo.shell("true", name="first")
    link.unlink()
    link.symlink_to("nowhere")
    (repo.root / "run.sh").chmod(0o644)
    before = files(repo)
    roll_back(repo, overwrite=True)
    assert os.readlink(link) == "run.sh"  # noqa: PTH115
    assert stat.S_IMODE((repo.root / "run.sh").stat().st_mode) == 0o755
    undo(repo)
    assert files(repo) == before


def test_rollback_knows_a_file_that_git_ignores_by_now(repo: Repository) -> None:
    repo.write("data.csv", "1\n")
    repo.shell("true", name="first")
    repo.write(".gitignore", "data.csv\n")
    assert [file.path for file in roll_back(repo).plan.files] == []
    repo.write("data.csv", "2\n")
    with pytest.raises(WorktreeError, match=r"would be replaced: data\.csv"):
        roll_back(repo)


def test_rollback_knows_an_ignored_params_file_that_a_run_recorded(repo: Repository) -> None:
    repo.write(".gitignore", "p.yaml\n")
    repo.write("p.yaml", "lr: 1\n")
    repo.shell("true", name="first", params=("p.yaml",))
    repo.write("p.yaml", "lr: 2\n")
    repo.shell("true", name="second", params=("p.yaml",))
    roll_back(repo)
    assert repo.read("p.yaml") == "lr: 1\n"


def test_rollback_of_an_observed_python_run(repo: Repository) -> None:
    repo.write(".gitignore", "model.bin\n")
    repo.write("train.py", "open('model.bin', 'w').write(open('params.yaml').read())\n")
    repo.run(sys.executable, "train.py", name="first")
    repo.write("params.yaml", "lr: 2\n")
    repo.run(sys.executable, "train.py")
    roll_back(repo)
    assert (repo.read("params.yaml"), repo.read("model.bin")) == ("lr: 0.1\n", "lr: 0.1\n")
