from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.capture.conftest import find_python

ROOT = Path(__file__).parent.parent.parent
MODULES = ("lightning", "transformers", "keras", "xgboost", "lightgbm", "sklearn")


@pytest.fixture(params=["current", "3.8"])
def bare_python(request: pytest.FixtureRequest) -> str:
    """A Python in which nothing is installed."""
    if request.param == "current":
        return sys.executable
    python = find_python(request.param)
    if python is None:
        pytest.skip(f"there is no Python {request.param} here")
    return str(python)


@pytest.mark.parametrize("module", MODULES)
def test_module_without_its_library_says_what_to_install(bare_python: str, module: str) -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import mlv.integrations.{module}"

    done = subprocess.run(
        [bare_python, "-S", "-c", code], capture_output=True, text=True, check=False
    )

    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"ImportError: mlv.integrations.{module} needs ")
    assert "pip install " in last


def test_hook_that_fails_harms_nobody(bare_python: str) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from mlv.integrations.reporting import never_raises\n"
        "@never_raises\n"
        "def hook():\n"
        "    raise ValueError\n"
        "print(hook())\n"
    )

    done = subprocess.run(
        [bare_python, "-S", "-c", code], capture_output=True, text=True, check=False
    )

    assert (done.stdout, done.stderr) == ("None\n", "")


def test_callback_outside_of_a_repository_harms_nobody(tmp_path: Path) -> None:
    code = (
        "from mlv.integrations.reporting import current_run\n"
        "for step in range(2):\n"
        "    current_run().log({'loss': 1.0}, step)\n"
        "print('done')\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout == "done\n"
    assert done.stderr.count("nothing is recorded") == 1


def test_only_numbers_are_metrics() -> None:
    import numpy as np

    from mlv.integrations.reporting import only_numbers

    class Tensor:
        size = 3  # a method in torch

        def __init__(self, n: int) -> None:
            self.n = n

        def numel(self) -> int:
            return self.n

        def item(self) -> float:
            return 1.0

    one, many = Tensor(1), Tensor(2)
    values = {
        "a": 1,
        "b": True,
        "c": "text",
        "d": None,
        "e": np.float32(1),
        "f": np.zeros(2),
        "g": one,
        "h": many,
    }

    assert only_numbers(values, "x/") == {
        "x/a": 1,
        "x/b": True,
        "x/e": np.float32(1),
        "x/g": one,
    }
    assert only_numbers(None) == {}
