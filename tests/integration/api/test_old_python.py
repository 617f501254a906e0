"""What runs inside the training needs the standard library of Python 3.8, and little of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mlv
from mlv.capture.journal.reader import read_journal

_PACKAGE = Path(mlv.__file__).parent
_OLD = ("3.8", "3.9")

_SCRIPT = """\
import argparse
import sys

import mlv

run = mlv.start_run("old", tags={"seed": 1}, note="hm", params=argparse.Namespace(lr=0.1))
mlv.log({"loss": 1, "test": {"loss": 2}})
mlv.log({"loss": 0.5}, step=7)
run.config.update({"train": {"steps": 3}})
run.config.train.steps = 4
run.summary["best"] = 0.5
mlv.log_text("note", "x")
mlv.log_dict("settings", {"a": {1, 2}})
mlv.log_table("table", [{"a": 1}])

class Figure:
    def savefig(self, file, format):
        file.write(format.encode())

mlv.log_figure("figure", Figure())

@mlv.record
def train(lr, *, depth=3):
    return {"accuracy": lr}

train(0.2)
with mlv.start_run("inner", nested=True) as inner:
    inner.log({"x": 1})
    inner.rewind(0)
mlv.finish()
roots = {name.partition(".")[0] for name in sys.modules}
print(*sorted(roots & {"msgspec", "blake3", "pandas", "numpy"}))
"""


def _find_python(version: str) -> str:
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    installed = [str(path / "bin/python") for path in root.glob(f"versions/{version}.*")]
    for python in (*installed, shutil.which(f"python{version}")):
        if python and subprocess.run([python, "-c", ""], check=False).returncode == 0:
            return python
    pytest.skip(f"Python {version} is not installed")


@pytest.fixture
def client(tmp_path: Path) -> Path:
    """Return a directory that holds the package and nothing beside it."""
    directory = tmp_path / "client"
    directory.mkdir()
    (directory / "mlv").symlink_to(_PACKAGE)
    return directory


@pytest.mark.parametrize("version", _OLD)
def test_old_python_logs_with_the_standard_library(
    version: str, client: Path, tmp_path: Path
) -> None:
    python = _find_python(version)
    live = tmp_path / "live"
    live.mkdir()
    environment = {"PYTHONPATH": str(client), "MLV_RUN_DIR": str(live), "PATH": os.environ["PATH"]}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    done = subprocess.run(
        [python, "-W", "error", "-S", "-c", _SCRIPT],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "\n")
    journal = read_journal(live)
    assert (journal.name, journal.tags, journal.note) == ("old", ("seed=1",), "hm")
    assert journal.params == {"lr": 0.1, "train": {"steps": 4}}
    assert journal.summary == {"best": 0.5}
    assert {name: list(points.steps) for name, points in journal.series.items()} == {
        "loss": [0, 7],
        "test/loss": [0],
    }
    assert sorted(path.name for path in (live / "attachments").iterdir()) == [
        "figure.png",
        "note.txt",
        "settings.json",
        "table.csv",
    ]
    nested = [read_journal(path) for path in sorted((live / "nested").iterdir())]
    assert sorted((each.params, each.summary) for each in nested if each.params) == [
        ({"lr": 0.2, "depth": 3}, {"accuracy": 0.2})
    ]


@pytest.mark.parametrize("version", _OLD)
def test_old_python_cannot_record_by_itself(version: str, client: Path, tmp_path: Path) -> None:
    python = _find_python(version)
    environment = {"PYTHONPATH": str(client), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [python, "-S", "-c", "import mlv; mlv.log({'loss': 1}); mlv.start_run"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    (line,) = done.stderr.splitlines()
    assert line.startswith("mlv: nothing is recorded: mlv is not installed for this Python: ")
    assert line.endswith("; record it with `mlv run python SCRIPT`")


def test_starting_a_run_loads_few_modules(tmp_path: Path) -> None:
    script = """
import sys
before = set(sys.modules)
import mlv
with mlv.start_run(params={"lr": 0.1}) as run:
    run.log({"loss": 0.5})
print(*sorted(set(sys.modules) - before))
"""
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(_PACKAGE.parent), "MLV_RUN_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    slow = {"typing", "pathlib", "inspect", "dataclasses", "msgspec", "subprocess", "logging"}
    assert loaded & slow == set()
    assert {name for name in loaded if name.startswith("mlv.app")} == set()
    assert len(loaded) < 70
