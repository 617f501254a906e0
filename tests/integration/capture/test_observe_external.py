"""Data outside the worktree."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mlv.core.paths import RepoPath
from tests.integration.capture.conftest import Scratch

PYTHON = sys.executable


def read(scratch: Scratch, *paths: Path) -> set[str]:
    """Return which of some files are external inputs, when a script reads them all."""
    scratch.run(PYTHON, "-c", f"for name in {[str(path) for path in paths]!r}: open(name, 'rb')")
    return set(scratch.observations().external)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    directory = tmp_path / "outside"
    directory.mkdir()
    (directory / "data.csv").write_text("1,2")
    return directory


def test_data_outside_is_external(scratch: Scratch, outside: Path) -> None:
    assert read(scratch, outside / "data.csv") == {str(outside / "data.csv")}
    observed = scratch.observations()
    assert observed.reads == {}
    signature = observed.external[RepoPath(str(outside / "data.csv"))]
    assert signature.ino == (outside / "data.csv").stat().st_ino


def test_external_data_is_named_without_links(scratch: Scratch, outside: Path) -> None:
    (outside / "latest").symlink_to("data.csv")
    (outside.parent / "alias").symlink_to("outside")

    assert read(scratch, outside.parent / "alias" / "latest") == {str(outside / "data.csv")}


def test_odd_external_names_are_escaped(scratch: Scratch, outside: Path) -> None:
    (outside / "a\nb").touch()

    assert read(scratch, outside / "a\nb") == {f"{outside}/a\\nb"}


@pytest.mark.parametrize(
    "name", [".hidden", ".cache/x.bin", "a/.config/x.yaml", "module.py", "lib.so", "x.pyc"]
)
def test_hidden_files_and_code_are_no_data(scratch: Scratch, outside: Path, name: str) -> None:
    path = outside / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()

    assert read(scratch, path) == set()


@pytest.mark.parametrize("mark", ["pyvenv.cfg", "conda-meta/history", "lib/site-packages/x"])
def test_environments_are_no_data(scratch: Scratch, outside: Path, mark: str) -> None:
    (outside / mark).parent.mkdir(parents=True, exist_ok=True)
    (outside / mark).touch()

    assert read(scratch, outside / mark) == set()


def test_files_of_the_system_and_of_python_are_no_data(scratch: Scratch) -> None:
    files = [
        Path("/etc/passwd"),
        Path("/proc/self/status"),
        Path(os.__file__).parent / "LICENSE.txt",
    ]

    assert read(scratch, *(path for path in files if path.exists())) == set()


def test_what_the_run_wrote_outside_is_no_input(scratch: Scratch, outside: Path) -> None:
    made = str(outside / "made")
    scratch.run(PYTHON, "-c", f"open({made!r}, 'w').close(); open({made!r})")

    assert scratch.observations().external == {}


def test_external_data_that_changes_later_stays_an_input(scratch: Scratch, outside: Path) -> None:
    path = outside / "data.csv"
    before = path.stat()

    scratch.run(PYTHON, "-c", f"open({str(path)!r}); open({str(path)!r}, 'a').write('more')")

    (signature,) = scratch.observations().external.values()
    assert signature.size == before.st_size
