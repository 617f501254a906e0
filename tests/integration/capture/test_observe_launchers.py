"""Ways in which people start Python."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from tests.integration.capture.conftest import Scratch

PYTHON = sys.executable


def need(program: str) -> str:
    """Return the path of a program; skip the test without it."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


@pytest.fixture
def step(scratch: Scratch) -> Path:
    """Return a script that reads `data.csv` and writes what its first word names."""
    scratch.write("data.csv")
    return scratch.write(
        "step.py", "import sys; open('data.csv').read(); open(sys.argv[1], 'w').close()"
    )


def test_shell_script_that_calls_python_twice_is_observed(scratch: Scratch, step: Path) -> None:
    scratch.write("steps.sh", f"{PYTHON} step.py one\n{PYTHON} -B step.py two\n")

    scratch.run("sh", "steps.sh")

    assert (scratch.reads(), scratch.writes()) == ({"data.csv"}, {"one", "two"})


def test_makefile_is_observed(scratch: Scratch, step: Path) -> None:
    scratch.write("Makefile", f"all: one two\none two:\n\t@{PYTHON} step.py $@\n")

    scratch.run(need("make"), "-j2")

    assert (scratch.reads(), scratch.writes()) == ({"data.csv"}, {"one", "two"})


def test_console_script_is_observed(scratch: Scratch) -> None:
    scratch.write("data.csv")
    program = scratch.write("bin/train", f"#!{PYTHON}\nopen('data.csv'); open('out', 'w')\n")
    program.chmod(0o755)

    scratch.run(str(program))

    assert (scratch.reads(), scratch.writes()) == ({"data.csv", "bin/train"}, {"out"})


def test_uv_run_is_observed(scratch: Scratch, step: Path) -> None:
    uv = need("uv")

    scratch.run(uv, "run", "--no-project", "--offline", "--python", PYTHON, "step.py", "out")

    assert (scratch.reads(), scratch.writes()) == ({"data.csv"}, {"out"})


def test_torchrun_is_observed(scratch: Scratch) -> None:
    torchrun = need("torchrun")
    scratch.write("data.csv")
    scratch.write("train.py", "import os; open('data.csv'); open(os.environ['RANK'], 'w').close()")

    scratch.run(torchrun, "--nproc-per-node=2", "train.py")

    assert (scratch.reads(), scratch.writes()) == ({"data.csv"}, {"0", "1"})


def test_notebook_is_observed(scratch: Scratch) -> None:
    jupyter = need("jupyter")
    scratch.write("data.csv")
    scratch.write("model.py")
    cell: dict[str, object] = {
        "cell_type": "code",
        "id": "a",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": ["import model\n", "open('data.csv').read()\n", "open('out', 'w').close()"],
    }
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    scratch.write("train.ipynb", json.dumps(notebook))

    scratch.run(jupyter, "nbconvert", "--to=notebook", "--execute", "train.ipynb", "--output=done")

    assert (scratch.reads(), scratch.writes()) == (
        {"data.csv", "train.ipynb"},
        {"out", "done.ipynb"},
    )
    assert scratch.observations().imported == {"model.py"}


def test_spawned_python_is_observed(scratch: Scratch, step: Path) -> None:
    argv = [PYTHON, "step.py", "out"]
    code = f"import os; os.posix_spawn({PYTHON!r}, {argv!r}, os.environ); os.wait()"

    scratch.run(PYTHON, "-c", code)

    assert (scratch.reads(), scratch.writes()) == ({"data.csv"}, {"out"})


def test_fork_that_leaves_at_once_is_observed(scratch: Scratch) -> None:
    scratch.write(
        "main.py",
        """
        import os
        for number in range(3):
            if os.fork() == 0:
                open("child-%d" % number, "w").close()
                os._exit(0)
            os.wait()
            open("parent-%d" % number, "w").close()
        """,
    )

    scratch.run(PYTHON, "main.py")

    assert scratch.writes() == {f"{who}-{n}" for who in ("child", "parent") for n in range(3)}
    assert scratch.observations().n_damaged_lines == 0


@pytest.mark.parametrize(
    "start",
    [
        "subprocess.run([python, '-c', 'pass'], env={'PATH': os.environ['PATH']})",
        "subprocess.run([python, '-c', 'pass'], env={b'PYTHONPATH': b'src'})",
        "subprocess.run([python, '-Ic', 'pass'])",
        "subprocess.run([python, '-u', '-S', '-c', 'pass'])",
        "os.posix_spawn(python, [python, '-c', 'pass'], {}); os.wait()",
        "os.execve(python, [python, '-c', 'pass'], {})",
        "os.environ.pop('PYTHONPATH'); subprocess.run([python, '-c', 'pass'])",
    ],
)
def test_python_that_cannot_be_watched_is_named(scratch: Scratch, start: str) -> None:
    scratch.write("main.py", f"import os, subprocess\npython = {PYTHON!r}\n{start}")

    scratch.run(PYTHON, "main.py")

    (command,) = scratch.observations().unwatched
    assert shlex.split(command)[0] == PYTHON
    assert len(scratch.observations().processes) == 1


@pytest.mark.parametrize("start", ["[python, '-c', 'pass', '-I']", "['true']"])
def test_other_children_are_not_named(scratch: Scratch, start: str) -> None:
    scratch.write("main.py", f"import subprocess\npython = {PYTHON!r}\nsubprocess.run({start})")

    scratch.run(PYTHON, "main.py")

    assert scratch.observations().unwatched == ()


def test_argv_of_an_unwatched_python_is_redacted(scratch: Scratch) -> None:
    argv = [PYTHON, "-I", "-c", "pass", "--api-key", "abcdef123"]
    scratch.write("main.py", f"import subprocess; subprocess.run({argv!r})")

    scratch.run(PYTHON, "main.py")

    (command,) = scratch.observations().unwatched
    assert command.endswith("--api-key '***'")
