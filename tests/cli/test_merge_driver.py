"""Git merges pointers with mlv, in real merges."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import Repository


@pytest.fixture
def branches(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Two branches from one commit with tracked data; `main` is checked out."""
    scripts = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{scripts}{os.pathsep}{os.environ['PATH']}")
    repo.git("config", "advice.detachedHead", "false")
    for name in ("a", "b", "c"):
        repo.write(f"data/{name}.csv", f"{name}\n")
    repo.mlv("track", "data")
    repo.commit("base")
    repo.git("branch", "theirs")
    return repo


def _change(repo: Repository, branch: str, files: dict[str, str | None]) -> None:
    """Commit another version of the data on a branch."""
    repo.git("checkout", "-q", branch)
    assert repo.mlv("checkout", "-q", "--force").code == 0
    for name, content in files.items():
        if content is None:
            (repo.root / name).unlink()
        else:
            repo.write(name, content)
    assert repo.mlv("track").code == 0
    repo.commit(f"on {branch}")


def _merge(repo: Repository) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "merge", "--no-edit", "theirs"],
        cwd=repo.root,
        capture_output=True,
        text=True,
        check=False,
    )


def test_merge_takes_what_each_side_changed(branches: Repository) -> None:
    _change(branches, "theirs", {"data/a.csv": "theirs\n", "data/sub/new.csv": "new\n"})
    _change(branches, "main", {"data/b.csv": "ours\n", "data/c.csv": None})
    done = _merge(branches)
    assert (done.returncode, done.stderr) == (0, "")
    assert branches.git("status", "--porcelain") == ""
    assert branches.mlv("checkout").code == 0
    assert branches.read("data/a.csv") == "theirs\n"
    assert branches.read("data/b.csv") == "ours\n"
    assert branches.read("data/sub/new.csv") == "new\n"
    assert not (branches.root / "data/c.csv").exists()
    assert branches.mlv("track").stdout == "unchanged data: 3 files, 16 B\n"


def test_conflict_is_named_file_by_file_and_can_be_finished(branches: Repository) -> None:
    _change(branches, "theirs", {"data/a.csv": "theirs\n", "data/b.csv": "theirs\n"})
    _change(branches, "main", {"data/a.csv": "ours\n", "data/c.csv": "ours\n"})
    done = _merge(branches)
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if "conflict" in line or "hint" in line] == [
        "conflict: data/a.csv was changed on both sides",
        (
            "hint: data.mlv holds our side of them: bring the data there with"
            " `mlv checkout data`; take theirs with"
            " `mlv checkout --rev MERGE_HEAD data/a.csv`"
            " (REBASE_HEAD in a rebase, CHERRY_PICK_HEAD in a cherry-pick);"
            " then `mlv track data` and `git add data.mlv`"
        ),
    ]
    assert branches.mlv("status").stdout.splitlines()[-2:] == [
        "pointers that differ from HEAD:",
        "  conflict  data.mlv",
    ]
    assert branches.mlv("checkout", "-q").code == 0
    assert (branches.read("data/a.csv"), branches.read("data/b.csv")) == ("ours\n", "theirs\n")
    assert branches.mlv("checkout", "--rev", "MERGE_HEAD", "data/a.csv").code == 0
    assert branches.mlv("track", "data").code == 0
    branches.git("add", "data.mlv")
    branches.git("commit", "-q", "--no-edit")
    assert branches.mlv("status", "--exit-code").code == 0
    assert branches.read("data/a.csv") == "theirs\n"


def test_what_to_do_about_a_file_that_they_deleted(branches: Repository) -> None:
    _change(branches, "theirs", {"data/a.csv": None})
    _change(branches, "main", {"data/a.csv": "ours\n"})
    done = _merge(branches)
    assert done.returncode == 1
    assert "conflict: data/a.csv was changed here, deleted there\n" in done.stderr
    assert "; take theirs with `rm -r data/a.csv`; then `mlv track data`" in done.stderr


def test_both_sides_tracked_different_data_under_one_name(branches: Repository) -> None:
    for branch in ("theirs", "main"):
        branches.git("checkout", "-q", branch)
        branches.write("model.pkl", branch)
        branches.mlv("track", "model.pkl")
        branches.commit(branch)
    done = _merge(branches)
    assert done.returncode == 1
    assert "conflict: model.pkl was added on both sides\n" in done.stderr
    assert branches.mlv("status", "model.pkl", "--json").json["data"][0]["state"] == "clean"


def test_merge_in_a_fresh_clone_works_after_the_first_command(branches: Repository) -> None:
    branches.git("config", "--remove-section", "merge.mlv")
    branches.mlv("checkout")
    assert branches.git("config", "merge.mlv.driver").startswith("mlv merge-pointer ")


def test_merge_of_data_that_is_not_here_leaves_a_conflict(branches: Repository) -> None:
    _change(branches, "theirs", {"data/a.csv": "theirs\n"})
    _change(branches, "main", {"data/b.csv": "ours\n"})
    clone = Repository(branches.root.parent / "clone")
    branches.git("clone", "-q", "--no-local", str(branches.root), str(clone.root))
    clone.git("branch", "theirs", "origin/theirs")
    clone.mlv("init", "-q")
    done = _merge(clone)
    assert done.returncode == 1
    assert "is not in the store" in done.stderr
    assert clone.git("status", "--porcelain") == "UU data.mlv"


def test_merge_pointer_is_not_listed(repo: Repository) -> None:
    assert "merge-pointer" not in repo.mlv("--help").stdout
    assert repo.mlv("merge-pointer", "--help").code == 0
