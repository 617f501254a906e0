"""A real training of each library under a real `mlv run`.

`make test-integrations` runs these in an environment that has the libraries.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

import pytest

from mlv.core.params import flatten_params
from mlv.core.run import Run
from tests.support.repository import Repository

Train = Callable[[str], Run]


@pytest.fixture
def train(repo: Repository) -> Train:
    """Record a script, and return its run; it must end well and leave no problem."""

    def record(script: str) -> Run:
        repo.write("train.py", script)
        repo.commit("script")
        done = repo.mlv("run", sys.executable, "train.py", variables=_QUIET)
        assert done.code == 0, done.stderr
        run = next(each for each in reversed(repo.runs()) if each.parent is None)
        assert (run.status, run.problems) == ("finished", ())
        return run

    return record


_QUIET: Mapping[str, str] = {
    "CUDA_VISIBLE_DEVICES": "",
    "OMP_NUM_THREADS": "1",
    "KERAS_BACKEND": "torch",
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


def steps_of(run: Run, name: str) -> tuple[int, ...]:
    """Return the steps of a series."""
    return run.series[name].steps


def params_of(run: Run) -> dict[str, object]:
    """Return the params that the script logged, by dotted name."""
    logged = [source for source in run.params if source.name == "api"]
    return {name: param.value for name, param in flatten_params(logged).items()}


def outputs_of(run: Run) -> list[str]:
    """Return the paths of all outputs."""
    return [output.path for output in run.outputs]
