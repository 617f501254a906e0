"""Python that a shell starts with a module path of its own is watched all the same."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from tests.support.repository import Repository

_LINES = {
    "set for one command": "PYTHONPATH=src python step.py",
    "exported": "export PYTHONPATH=src; python3 step.py",
    "taken away": "unset PYTHONPATH; PYTHONPATH=src python step.py",
    "cleared": 'env -i PATH="$PATH" PYTHONPATH=src python step.py',
    "added to": "PYTHONPATH=src:$PYTHONPATH python step.py",
}


@pytest.fixture
def project(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> Repository:
    repo.write(".gitignore", "data/\n")
    repo.write("src/helper.py", "NAME = 'data/in.txt'\n")
    repo.write("step.py", "import helper\nprint(open(helper.NAME).read())\n")
    repo.commit("step")
    repo.write("data/in.txt", "1\n")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return repo


@pytest.mark.parametrize("line", _LINES.values(), ids=_LINES)
def test_module_path_of_its_own_hides_no_input(project: Repository, line: str) -> None:
    run = project.shell(line)

    assert (run.exit_code, [each.path for each in run.inputs]) == (0, ["data/in.txt"])
    assert {"src/helper.py", "step.py"} <= run.code.used.keys()


def test_makefile_with_a_module_path_hides_no_input(project: Repository) -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    project.write("Makefile", "all:\n\tPYTHONPATH=src python step.py\n")

    run = project.run("make")

    assert [each.path for each in run.inputs] == ["data/in.txt"]


def test_python_keeps_its_own_name_and_arguments(project: Repository) -> None:
    code = "import sys; open('out', 'w').write(repr((sys.executable, sys.argv[1:])))"

    project.shell(f"python -c {shlex.quote(code)} 'a b' '' '*'")

    expected = str(Path(sys.executable).parent / "python")
    assert (project.root / "out").read_text() == repr((expected, ["a b", "", "*"]))


def test_python_of_an_environment_that_is_activated_goes_first(
    project: Repository, tmp_path: Path
) -> None:
    own = tmp_path / "environment" / "python"
    own.parent.mkdir()
    own.write_text("#!/bin/sh\necho own > which\n")
    own.chmod(0o755)

    project.shell(f'PATH={own.parent}:"$PATH"; python step.py')

    assert (project.root / "which").read_text() == "own\n"
