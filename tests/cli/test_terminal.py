"""What differs when a person sits in front of it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.repository import Repository


def _on_terminal(repo: Repository, *arguments: str, typed: str = "") -> tuple[int, str]:
    """Run `mlv` with all three streams on a terminal; return exit code and what it shows."""
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "mlv", *arguments],
        cwd=repo.root,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        os.write(ours, typed.encode())
        shown = b""
        while True:
            try:
                shown += os.read(ours, 4096)
            except OSError:  # the last one who wrote to the terminal has gone
                break
    os.close(ours)
    return process.returncode, shown.decode().replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("answer", "code", "params"), [("y\n", 0, "lr: 0.1\n"), ("n\n", 3, "mine\n")]
)
def test_rollback_asks_before_it_replaces_work(
    story: Repository, answer: str, code: int, params: str
) -> None:
    story.write("params.yaml", "mine\n")
    done, shown = _on_terminal(story, "rollback", "first", typed=answer)
    assert done == code
    assert "these changes are in no commit and in no run:\n  params.yaml\n" in shown
    assert story.read("params.yaml") == params


@pytest.mark.parametrize("variable", ["NO_COLOR", "CI"])
def test_output_on_a_terminal_can_be_without_colour(
    story: Repository, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "1")
    for arguments in (("log",), ("diff", "first", "second"), ("show", "nope"), ("--help",)):
        assert "\x1b" not in _on_terminal(story, *arguments)[1]


def test_log_fits_the_terminal(story: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    shown = _on_terminal(story, "log")[1].splitlines()
    assert max(map(len, shown)) <= 60
    assert shown[0].split() == ["id", "name", "status", "started", "time", "code"]
    assert shown[-1] == "4 more columns: --columns NAME,... or --format csv"


def test_log_on_a_terminal_shows_the_columns_that_were_asked_for(
    story: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    shown = _on_terminal(story, "log", "--columns", "accuracy,lr,loss")[1].splitlines()
    assert shown[0].split()[-3:] == ["accuracy", "lr", "loss"]
    assert max(map(len, shown[:-1])) <= 60


def test_diff_on_a_terminal_cuts_long_values_instead_of_columns(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    repo.shell(f"true {'x' * 100}", name="first")
    repo.shell(f"true {'y' * 100}", name="second")
    shown = _on_terminal(repo, "diff", "first", "second")[1].splitlines()
    assert shown[-2].split() == ["old", "new"]
    assert [text[-1] for text in shown[-1].split("  ") if text] == ["…", "…"]
    assert len(shown[-1]) <= 60
