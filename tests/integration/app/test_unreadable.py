"""Inputs and outputs that cannot be read do not cost a run its record."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mlv.app.record import known_inputs
from mlv.app.reporter import SilentReporter
from mlv.app.restore.change import finish_interrupted
from mlv.core.tree import Fingerprint
from mlv.errors import CorruptDataError, FileChangedError
from mlv.worktree.fingerprint import Sink, fingerprint
from tests.support.repository import Repository


def test_run_lists_an_output_that_is_no_file_as_a_problem(repo: Repository) -> None:
    run = repo.shell("mkfifo pipe; echo 1 > model", outputs=["pipe", "model"])
    assert [each.path for each in run.outputs] == ["model"]
    assert run.problems == (
        (
            f"output pipe was not stored: '{repo.root}/pipe' is neither a file,"
            " a directory nor a symbolic link"
        ),
    )


def test_run_flags_an_input_that_is_no_file_any_more(repo: Repository) -> None:
    repo.write("data.csv", "before\n")
    run = repo.shell("rm data.csv; mkfifo data.csv", inputs=["data.csv"])
    assert [(each.changed, each.after) for each in run.inputs] == [(True, None)]


def test_input_that_was_read_last_time_does_not_stop_a_run(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.write(".gitignore", "data.csv\n")
    repo.write("data.csv", "1\n")
    command = (sys.executable, "-c", "open('data.csv').read()")
    repo.run(*command)

    def change_while_read(path: Path, sink: Sink) -> Fingerprint:
        if path.name == "data.csv":
            message = "it changed"
            raise FileChangedError(message)
        return fingerprint(path, sink)

    monkeypatch.setattr(known_inputs, "fingerprint", change_while_read)
    run = repo.run(*command)
    assert [(each.path, each.changed) for each in run.inputs] == [("data.csv", False)]


def test_damaged_journal_of_a_change_is_corrupt_data(repo: Repository) -> None:
    journal = repo.write(".mlv/worktree-journal", "{")
    with pytest.raises(CorruptDataError, match="cannot be taken back: not a Journal") as caught:
        finish_interrupted(repo.open(), SilentReporter())
    assert str(journal) in (caught.value.hint or "")
