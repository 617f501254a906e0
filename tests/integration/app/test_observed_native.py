"""Runs that are traced with `strace`."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

from mlv.errors import NotPossibleError
from tests.support.repository import Repository

needs_strace = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")


@needs_strace
def test_input_of_native_code_is_recorded(repo: Repository) -> None:
    repo.write(".gitignore", "*.csv\n")
    repo.write("data.csv", "a,b\n1,2\n")
    repo.write("train.py", "import pyarrow.csv; pyarrow.csv.read_csv('data.csv')")
    repo.commit()

    run = repo.run(sys.executable, "train.py", strace=True)

    (found,) = run.inputs
    assert (run.status, found.path, found.source, found.changed) == (
        "finished",
        "data.csv",
        "observed",
        False,
    )


@needs_strace
def test_exit_code_of_a_traced_command_is_its_own(repo: Repository) -> None:
    run = repo.shell("kill -9 $$", strace=True)
    assert (run.status, run.signal) == ("killed", 9)


def test_run_without_strace_leaves_nothing(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    bin_directory = repo.root.parent / "bin"
    bin_directory.mkdir()
    for name in ("git", "sh"):
        (bin_directory / name).symlink_to(shutil.which(name) or name)
    monkeypatch.setenv("PATH", os.fspath(bin_directory))

    with pytest.raises(NotPossibleError, match="strace is not installed"):
        repo.shell("touch out", strace=True)

    assert not (repo.root / "out").exists()
    assert repo.runs() == ()
