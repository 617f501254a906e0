"""Execute a training script, alone or inside `mlv run`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

import msgspec

from mlv.core.params import flatten_params
from mlv.core.run import Run
from tests.support.repository import Repository

MODES = ("alone", "inside mlv run")


class Executed(msgspec.Struct, frozen=True, kw_only=True):
    """A script that has ended."""

    code: int
    stdout: str
    stderr: str


def execute(repo: Repository, script: str, *words: str, mode: str = "alone") -> Executed:
    """Execute a script with Python's warnings as errors; it must not print any."""
    repo.write("train.py", script)
    command = [sys.executable, "-W", "error", "train.py", *words]
    if mode != "alone":
        command = [sys.executable, "-m", "mlv", "run", "-q", *command]
    done = subprocess.run(
        command, cwd=repo.root, env=os.environ, capture_output=True, text=True, check=False
    )
    return Executed(code=done.returncode, stdout=done.stdout, stderr=done.stderr)


def params_of(run: Run) -> dict[str, object]:
    """Return the params of a run, by dotted name."""
    return {name: param.value for name, param in flatten_params(run.params).items()}


def by_name(runs: Sequence[Run]) -> dict[str, Run]:
    """Return runs by name; no two may have the same."""
    named = {run.name: run for run in runs}
    assert len(named) == len(runs)
    return named
