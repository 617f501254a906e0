"""Standard streams that are closed, full, or lead nowhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import Repository

_ERR_OUT = "echo out; echo err >&2; exit 4"
_MLV = f"{sys.executable} -m mlv"


def _shell(repo: Repository, line: str) -> tuple[int, str, str]:
    """Run a line of shell in which `mlv` is the command."""
    script = f'mlv() {{ {_MLV} "$@"; }}\n{line}'
    done = subprocess.run(
        ["bash", "-c", script], cwd=repo.root, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "how", ["2>&-", ">&-", "<&-", "<&- >&- 2>&-", "2>/dev/full", ">/dev/full", ">/dev/full 2>&1"]
)
def test_run_records_and_exits_as_the_command_does(repo: Repository, how: str) -> None:
    code, _, said = _shell(repo, f"mlv run -n it sh -c '{_ERR_OUT}' {how}")
    assert code == 4
    assert "error" not in said
    run = repo.find("it")
    assert (run.status, run.exit_code) == ("failed", 4)
    assert repo.mlv("show", "--log", "it").stdout == "out\n"
    assert repo.mlv("fsck").code == 0


def test_run_whose_standard_error_goes_away_exits_as_the_command_does(repo: Repository) -> None:
    line = "(mlv run -n it sh -c 'exit 4' 2>&3; echo $? >&4) 3>&1 4>code | :"
    _shell(repo, line.replace("2>&3", "2>&3 >/dev/null"))
    assert repo.read("code") == "4\n"
    assert repo.find("it").exit_code == 4


@pytest.mark.parametrize("words", ["log", "show it", "show it --log", "--help", "--version"])
def test_result_that_cannot_be_printed_is_an_error(repo: Repository, words: str) -> None:
    repo.shell("echo out", name="it")
    assert _shell(repo, f"mlv {words} >/dev/full") == (
        3,
        "",
        (
            "error: cannot print the result: the disk is full\n"
            "hint: free some space and run the same command again\n"
        ),
    )


@pytest.mark.parametrize("words", ["log", "show it", "--help"])
def test_result_that_nobody_wants_is_no_error(repo: Repository, words: str) -> None:
    repo.shell("true", name="it")
    assert _shell(repo, f"mlv {words} >&-") == (0, "", "")


@pytest.mark.parametrize("words", ["log", "--help"])
def test_reader_that_goes_away_has_an_exit_code(repo: Repository, words: str) -> None:
    repo.shell("true", name="it")
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as out:
        done = subprocess.run(
            [sys.executable, "-m", "mlv", words],
            cwd=repo.root,
            stdout=out,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("how", ["2>&-", "2>/dev/full"])
def test_error_that_cannot_be_printed_still_has_its_exit_code(repo: Repository, how: str) -> None:
    assert _shell(repo, f"mlv show nope {how}") == (3, "", "")


def test_file_of_the_store_never_gets_the_number_of_a_closed_stream(repo: Repository) -> None:
    before = {path for path in Path(repo.root / ".mlv").rglob("*") if path.is_file()}
    _shell(repo, "mlv run sh -c 'echo stray; echo stray >&2' >&- 2>&-")
    after = {path for path in Path(repo.root / ".mlv").rglob("*") if path.is_file()}
    new = [path for path in after - before if path.suffix != ".log"]
    assert new
    assert not any(
        path.read_bytes().startswith(b"stray") for path in new if "objects" not in path.parts
    )
