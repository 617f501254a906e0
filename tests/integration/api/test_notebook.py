"""Runs that are started in a notebook."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from mlv.core.run import Run
from tests.support.repository import Repository

_REASON = "Jupyter is not installed"


@pytest.fixture
def jupyter(monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401 - it publishes no types here
    """Return the library of notebook files, where notebooks can be executed."""
    pytest.importorskip("ipykernel", reason=_REASON)
    pytest.importorskip("nbconvert", reason=_REASON)
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    return pytest.importorskip("nbformat", reason=_REASON)


def _execute(repo: Repository, jupyter: Any, *cells: str, inside: bool = False) -> str:  # noqa: ANN401
    """Execute a notebook; return what it holds afterwards, and what went wrong."""
    notebook = jupyter.v4.new_notebook(cells=[jupyter.v4.new_code_cell(cell) for cell in cells])
    jupyter.write(notebook, repo.root / "train.ipynb")
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--inplace"]
    if inside:
        command = [sys.executable, "-m", "mlv", "run", "-q", *command]
    done = subprocess.run(
        [*command, "train.ipynb"], cwd=repo.root, capture_output=True, text=True, check=False
    )
    return repo.read("train.ipynb") + done.stderr


def _cells(repo: Repository, run: Run) -> str:
    return repo.open().objects.read(run.attachments["cells.py"]).decode()


@pytest.mark.parametrize("inside", [False, True])
def test_notebook_keeps_its_cells(repo: Repository, jupyter: object, inside: bool) -> None:  # noqa: FBT001
    repo.write("data.csv", "1\n")
    shown = _execute(
        repo,
        jupyter,
        "import mlv",
        "run = mlv.start_run('nb')\nrun",
        "run.log({'loss': 1})\nopen('data.csv').read()",
        "mlv.log({'loss': 2})",
        inside=inside,
    )
    assert "<tr><th>run</th><td>nb</td></tr>" in shown
    (run,) = repo.runs()
    assert (run.name, run.status, run.series["loss"].values) == ("nb", "finished", (1, 2))
    assert _cells(repo, run) == (
        "# %%\nimport mlv\n\n# %%\nrun = mlv.start_run('nb')\nrun\n\n"
        "# %%\nrun.log({'loss': 1})\nopen('data.csv').read()\n\n# %%\nmlv.log({'loss': 2})\n"
    )


def test_notebook_ends_as_its_last_cell_does(repo: Repository, jupyter: object) -> None:
    start = "import mlv\nrun = mlv.start_run()"
    _execute(repo, jupyter, start, "try: 1 / 0\nexcept ZeroDivisionError: pass", "print(1)")
    _execute(repo, jupyter, start, "1 / 0", "print(1)")
    assert [run.status for run in repo.runs()] == ["finished", "failed"]


def test_cell_may_be_executed_again(repo: Repository, jupyter: object) -> None:
    cell = "import mlv\nwith mlv.start_run() as run:\n    run.log({'loss': 1})"
    other = "import mlv\nrun = mlv.init()\nrun.log({'loss': 1})"
    plain = "import mlv\nrun = mlv.start_run()\nrun.log({'loss': 1})"
    _execute(repo, jupyter, cell, cell, other, other, plain, plain)
    assert [(run.status, run.metrics["loss"].n_values) for run in repo.runs()] == [
        ("finished", 1)
    ] * 6


def test_start_inside_a_block_of_a_notebook_says_what_to_do(
    repo: Repository, jupyter: object
) -> None:
    shown = _execute(repo, jupyter, "import mlv\nwith mlv.start_run():\n    mlv.start_run()")
    assert "a run is active in this process already" in shown
    assert [run.status for run in repo.runs()] == ["failed"]


@pytest.mark.parametrize("inside", [False, True])
def test_tasks_of_a_cell_have_a_run_each(repo: Repository, jupyter: object, inside: bool) -> None:  # noqa: FBT001
    define = """\
import asyncio, mlv
@mlv.record
async def trial(number):
    await asyncio.sleep(0)
    mlv.log({"first": number})
    return {"score": number}
"""
    gather = "await asyncio.gather(*(trial(number) for number in range(3)))"
    _execute(repo, jupyter, define, gather, inside=inside)
    found = [(run.metrics["first"].value, run.metrics["score"].value) for run in repo.runs()]
    assert sorted(found) == [(0, 0), (1, 1), (2, 2)]


def test_kernel_that_is_killed_is_recovered(repo: Repository, jupyter: object) -> None:
    kill = "import os, signal\nrun._journal.flush()\nos.kill(os.getpid(), signal.SIGKILL)"
    _execute(repo, jupyter, "import mlv\nrun = mlv.start_run('nb')\nrun.log({'loss': 1})", kill)
    assert repo.mlv("recover").stdout == "sealed run nb as lost\n"
    (run,) = repo.runs()
    assert run.metrics["loss"].value == 1
    assert kill in _cells(repo, run)
