"""Take operations back: files as they were, runs hidden and shown again."""

from __future__ import annotations

import pytest

from mlv.errors import (
    NotPossibleError,
    WorktreeError,
)
from tests.support.repository import Repository
from tests.support.restoring import files, roll_back, undo


def test_undo_brings_exact_bytes_and_modes_back(two_runs: Repository) -> None:
    before = files(two_runs)
    roll_back(two_runs)
    assert files(two_runs) != before
    undo(two_runs)
    assert files(two_runs) == before


def test_undo_of_an_undo_rolls_back_again(two_runs: Repository) -> None:
    roll_back(two_runs)
    rolled_back = files(two_runs)
    undone = undo(two_runs)
    undo(two_runs, undone.operation.id[:12])
    assert files(two_runs) == rolled_back


def test_undo_refuses_when_a_file_was_edited_since(two_runs: Repository) -> None:
    roll_back(two_runs)
    two_runs.write("params.yaml", "edited\n")
    before = two_runs.state()
    with pytest.raises(WorktreeError) as caught:
        undo(two_runs)
    assert caught.value.message == "files were edited since: params.yaml"
    assert two_runs.state() == before


def test_undo_of_a_run_hides_it_and_undoing_that_shows_it_again(repo: Repository) -> None:
    repo.shell("true", name="first")
    undone = undo(repo)
    assert repo.runs() == ()
    undo(repo, undone.operation.id)
    assert [run.name for run in repo.runs()] == ["first"]


def test_undo_goes_back_step_by_step(two_runs: Repository) -> None:
    roll_back(two_runs)
    undo(two_runs)
    undo(two_runs)
    assert [run.name for run in two_runs.runs()] == ["first"]
    undo(two_runs)
    with pytest.raises(NotPossibleError) as caught:
        undo(two_runs)
    assert caught.value.message == "there is nothing to undo"


@pytest.mark.parametrize(
    ("reference", "problem"), [("zz", "does not exist"), ("", "does not exist")]
)
def test_undo_of_an_unknown_operation_says_so(
    two_runs: Repository, reference: str, problem: str
) -> None:
    with pytest.raises(NotPossibleError) as caught:
        undo(two_runs, reference)
    assert caught.value.message == f"operation {reference!r} {problem}"


def test_undo_twice_of_one_operation_is_refused(two_runs: Repository) -> None:
    result = roll_back(two_runs)
    assert result.operation is not None
    reference = result.operation.id[:10]
    undo(two_runs, reference)
    with pytest.raises(NotPossibleError) as caught:
        undo(two_runs, reference)
    assert caught.value.message == f"operation {reference!r} is undone already"


def test_undo_in_another_worktree_is_refused(two_runs: Repository) -> None:
    roll_back(two_runs)
    other = Repository(two_runs.root.parent / "other")
    two_runs.git("worktree", "add", "-q", str(other.root))
    with pytest.raises(WorktreeError) as caught:
        undo(other)
    assert caught.value.hint == f"run `mlv -C {two_runs.root} undo`"
