"""Which code of the worktree was executed."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

from tests.integration.capture.conftest import Scratch

PYTHON = sys.executable


@pytest.fixture
def package(scratch: Scratch) -> None:
    scratch.write("package/__init__.py")
    scratch.write("package/model.py", "import package.layers")
    scratch.write("package/layers.py")
    scratch.write("package/unused.py")


EXPECTED = {"package/__init__.py", "package/model.py", "package/layers.py"}


@pytest.mark.parametrize("variables", [{}, {"PYTHONDONTWRITEBYTECODE": "1"}], ids=["", "none"])
def test_modules_are_seen_from_source_and_from_bytecode(
    scratch: Scratch, package: None, any_python: str, variables: dict[str, str]
) -> None:
    scratch.env.update(variables)
    script = str(scratch.write("train.py", "import package.model"))

    for _ in ("cold", "warm"):
        scratch.run(any_python, script)
        assert scratch.observations().imported == {*EXPECTED, "train.py"}


def test_modules_are_seen_when_bytecode_lies_elsewhere(
    scratch: Scratch, package: None, tmp_path: Path
) -> None:
    scratch.env["PYTHONPYCACHEPREFIX"] = str(tmp_path / "bytecode")

    for _ in ("cold", "warm"):
        scratch.run(PYTHON, "-m", "package.model")
        assert scratch.observations().imported == EXPECTED
    assert scratch.observations().external == {}


def test_module_counts_even_when_the_script_is_killed(scratch: Scratch, package: None) -> None:
    code = "import os, package.model; os.kill(os.getpid(), 9)"

    scratch.run(PYTHON, "-c", code, check=False)

    assert scratch.observations().imported == EXPECTED


def test_zipped_code_is_seen_as_its_archive(scratch: Scratch, any_python: str) -> None:
    with zipfile.ZipFile(scratch.root / "app.pyz", "w") as archive:
        archive.writestr("__main__.py", "import helper")
        archive.writestr("helper.py", "")

    scratch.run(any_python, "app.pyz")

    assert scratch.observations().imported == {"app.pyz"}


def test_source_that_is_only_read_is_not_executed(scratch: Scratch) -> None:
    scratch.write("a.py", "x = 1")

    scratch.run(PYTHON, "-c", "exec('y = 1'); open('a.py').read(); compile('z', 'a.py', 'exec')")

    observed = scratch.observations()
    assert set(observed.reads) == {"a.py"}
    assert observed.imported == frozenset()


def test_script_behind_a_link_is_named_by_its_target(scratch: Scratch) -> None:
    scratch.write("src/train.py")
    (scratch.root / "run.py").symlink_to("src/train.py")

    scratch.run(PYTHON, "run.py")

    assert scratch.observations().imported == {"src/train.py"}


def test_module_of_native_code_is_a_read(scratch: Scratch) -> None:
    scratch.write("native.so", "not really")
    code = "import ctypes\ntry:\n    ctypes.CDLL('./native.so')\nexcept OSError:\n    pass"

    scratch.run(PYTHON, "-c", code)

    assert scratch.reads() == {"native.so"}


def test_database_is_a_read(scratch: Scratch) -> None:
    make = "import sqlite3; sqlite3.connect('data.db').execute('create table t (x)')"
    scratch.run(PYTHON, "-S", "-c", make)

    scratch.run(
        PYTHON, "-c", "import sqlite3; sqlite3.connect('data.db'); sqlite3.connect(':memory:')"
    )

    assert scratch.reads() == {"data.db"}
