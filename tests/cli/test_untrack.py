from __future__ import annotations

import pytest

from tests.support.repository import Repository


@pytest.fixture
def tracked(repo: Repository) -> Repository:
    """A directory and a file that are tracked and committed."""
    repo.write(".gitignore", "*.pyc")
    repo.write("data/a.csv", "1\n")
    repo.write("model.pkl", "m")
    repo.mlv("track", "data", "model.pkl")
    repo.commit()
    return repo


def test_untrack_removes_pointer_and_rule_and_keeps_the_data(tracked: Repository) -> None:
    done = tracked.mlv("untrack", "data/", "model.pkl.mlv")
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "untracked data: removed data.mlv, its data stays",
        "untracked model.pkl: removed model.pkl.mlv, its data stays",
        "to let Git track the data: `git add data model.pkl`",
        "commit with `git add data.mlv model.pkl.mlv .gitignore`",
    ]
    assert tracked.read(".gitignore") == "*.pyc"
    assert (tracked.read("data/a.csv"), tracked.read("model.pkl")) == ("1\n", "m")
    tracked.git("add", "data.mlv", "model.pkl.mlv", ".gitignore")


def test_untrack_leaves_a_rule_of_somebody_else(tracked: Repository) -> None:
    tracked.write(".gitignore", "/data\n")
    assert tracked.mlv("untrack", "data", "--json").json == {
        "schema": "mlv-untrack 1",
        "data": [{"path": "data", "pointer": "data.mlv", "there": True}],
        "ignore_files": [],
        "to_commit": ["data.mlv"],
    }
    assert tracked.read(".gitignore") == "/data\n"


def test_untrack_of_what_was_never_committed_names_nothing_to_commit(repo: Repository) -> None:
    repo.write("data/a.csv", "1\n")
    repo.mlv("track", "data")
    assert repo.mlv("untrack", "data").stdout.splitlines() == [
        "untracked data: removed data.mlv, its data stays",
        "to let Git track the data: `git add data`",
    ]
    assert repo.git("status", "--porcelain") == "?? data/"


def test_untrack_of_data_that_is_gone(tracked: Repository) -> None:
    (tracked.root / "model.pkl").unlink()
    assert tracked.mlv("untrack", "model.pkl").stdout.splitlines() == [
        "untracked model.pkl: removed model.pkl.mlv, its data was not there",
        "commit with `git add model.pkl.mlv .gitignore`",
    ]


def test_untrack_refuses_what_is_not_tracked_on_its_own(tracked: Repository) -> None:
    before = tracked.state()
    assert tracked.mlv("untrack", "data/a.csv", "modle.pkl").error == (
        3,
        ("error: there is no tracked data at 'modle.pkl'\nhint: did you mean 'model.pkl'?\n"),
    )
    assert tracked.mlv("untrack", "data/a.csv").error == (
        3,
        (
            "error: 'data/a.csv' is part of the tracked 'data'\n"
            "hint: untrack all of it: `mlv untrack data`\n"
        ),
    )
    assert tracked.state() == before


def test_untrack_gives_linked_files_a_copy_of_their_own(repo: Repository) -> None:
    repo.write("data/a.csv", "1\n")
    repo.mlv("track", "data", "--link", "hardlink")
    assert (repo.root / "data/a.csv").stat().st_nlink == 2
    repo.mlv("untrack", "data")
    found = (repo.root / "data/a.csv").stat()
    assert (found.st_nlink, bool(found.st_mode & 0o200)) == (1, True)
    repo.write("data/a.csv", "edited\n")
